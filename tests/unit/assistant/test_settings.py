"""Settings are read from the environment with types. An error names the variable."""

from __future__ import annotations

import pytest

from assistant.errors import ConfigurationError
from assistant.settings import Quota, Secret, Settings, load_settings

GUEST = {"AUTH_MODE": "guest"}
LAMBDA = {
    "AWS_LAMBDA_FUNCTION_NAME": "chat",
    "AUTH_JWKS_URL": "https://issuer.example/jwks.json",
    "AUTH_ISSUER": "https://issuer.example/",
    "AUTH_AUDIENCE": "chat",
}


def load(**env: str) -> Settings:
    return load_settings({**GUEST, **env})


def test_an_empty_environment_runs_the_demo_model() -> None:
    settings = load()
    assert settings.llm_provider == "demo"
    assert settings.agent_factory == ""
    assert settings.allowed_origins == ()
    assert not settings.openai_store
    assert not settings.agents_tracing
    assert not settings.log_content


@pytest.mark.parametrize(
    ("env", "provider"),
    [
        ({"OPENAI_API_KEY": "k", "GEMINI_API_KEY": "k", "LLM_BASE_URL": "http://x"}, "openai"),
        ({"GEMINI_API_KEY": "k", "LLM_BASE_URL": "http://x"}, "gemini"),
        ({"OPENAI_API_KEY_SECRET": "name"}, "openai"),
        ({"LLM_BASE_URL": "http://x", "LLM_DEFAULT_MODEL": "m"}, "compatible"),
        ({"LLM_PROVIDER": "demo", "OPENAI_API_KEY": "k"}, "demo"),
        ({"OPENAI_API_KEY": "  "}, "demo"),
    ],
)
def test_the_provider_is_the_one_named_or_the_first_that_has_its_key(env: dict[str, str], provider: str) -> None:
    assert load(**env).llm_provider == provider


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"LLM_PROVIDER": "clippy"}, "LLM_PROVIDER"),
        ({"LLM_PROVIDER": "openai"}, "OPENAI_API_KEY"),
        ({"LLM_PROVIDER": "gemini"}, "GEMINI_API_KEY"),
        ({"LLM_PROVIDER": "compatible"}, "LLM_BASE_URL"),
        ({"LLM_BASE_URL": "http://x"}, "LLM_DEFAULT_MODEL"),
        ({"LLM_FALLBACK": "clippy"}, "LLM_FALLBACK"),
        ({"LLM_FALLBACK": "openai"}, "LLM_FALLBACK=openai needs OPENAI_API_KEY"),
        ({"LLM_FALLBACK": "gemini", "OPENAI_API_KEY": "k"}, "LLM_FALLBACK=gemini needs GEMINI_API_KEY"),
        ({"LLM_FALLBACK": "compatible", "OPENAI_API_KEY": "k"}, "LLM_FALLBACK=compatible needs LLM_BASE_URL"),
        ({"OPENAI_API": "soap"}, "OPENAI_API"),
        ({"OPENAI_STORE": "perhaps"}, "OPENAI_STORE"),
        ({"AUTH_MODE": "open"}, "AUTH_MODE"),
        ({"AUTH_JWKS_URL": "http://issuer.example/jwks.json"}, "AUTH_JWKS_URL"),
        ({"AUTH_JWKS_URL": "http://127.0.0.1.example/jwks.json"}, "AUTH_JWKS_URL"),
        ({"AUTH_JWKS_URL": "file:///etc/passwd"}, "AUTH_JWKS_URL"),
        ({"AUTH_JWKS_URL": "https:///jwks.json"}, "AUTH_JWKS_URL"),
        ({"AUTH_JWKS_URL": "https://a.example,http://b.example"}, "AUTH_JWKS_URL"),
        ({"AUTH_ISSUER": "http://issuer.example/", "AUTH_JWKS_URL": ""}, "AUTH_ISSUER"),
        ({"AUTH_PRESET": "okta"}, "AUTH_PRESET"),
        ({"ON_BUSY": "wait"}, "ON_BUSY"),
        ({"RETENTION_DAYS": "0"}, "RETENTION_DAYS"),
        ({"RETENTION_DAYS": "soon"}, "RETENTION_DAYS"),
        ({"RETENTION_DAYS": "1.5"}, "RETENTION_DAYS"),
        ({"RETENTION_DAYS": "100000"}, "RETENTION_DAYS"),
        ({"HISTORY_MAX_TOKENS": "-5"}, "HISTORY_MAX_TOKENS"),
        ({"CHAT_TURN_SECONDS": "nan"}, "CHAT_TURN_SECONDS"),
        ({"CHAT_TURN_SECONDS": "inf"}, "CHAT_TURN_SECONDS"),
        ({"QUOTA_TURNS_PER_MINUTE": "few"}, "QUOTA_TURNS_PER_MINUTE"),
        ({"QUOTA_TURNS_PER_MINUTE": "1" + "0" * 40}, "QUOTA_TURNS_PER_MINUTE"),
        ({"TENANT_QUOTA_TOKENS_PER_DAY": "-1"}, "TENANT_QUOTA_TOKENS_PER_DAY"),
        ({"STREAM_HEARTBEAT": "7"}, "STREAM_HEARTBEAT"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(env: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        load(**env)


def test_on_lambda_nothing_is_open_by_accident() -> None:
    with pytest.raises(ConfigurationError, match="ALLOW_DEMO"):
        load_settings(LAMBDA)
    with pytest.raises(ConfigurationError, match="ALLOW_DEMO"):
        load_settings({**LAMBDA, "LLM_PROVIDER": "demo"})
    with pytest.raises(ConfigurationError, match="ALLOW_DEMO"):
        load_settings({**LAMBDA, "OPENAI_API_KEY": "k", "LLM_FALLBACK": "demo"})
    with pytest.raises(ConfigurationError, match="AUTH_MODE=guest"):
        load_settings({**LAMBDA, "ALLOW_DEMO": "true", "AUTH_MODE": "guest"})
    with pytest.raises(ConfigurationError, match="AUTH_ISSUER"):
        load_settings({**LAMBDA, "ALLOW_DEMO": "true", "AUTH_ISSUER": ""})


def test_plain_http_is_for_keys_on_this_machine_and_never_on_lambda() -> None:
    url = "http://127.0.0.1:8000/jwks.json"
    assert load(AUTH_JWKS_URL=url).auth_jwks_url == (url,)
    with pytest.raises(ConfigurationError, match="https"):
        load_settings({**LAMBDA, "ALLOW_DEMO": "true", "AUTH_JWKS_URL": url})


def test_on_lambda_what_is_open_was_asked_for() -> None:
    assert load_settings({**LAMBDA, "ALLOW_DEMO": "true"}).auth_mode == "jwt"
    key = {"VISITOR_KEY_SECRET": "chatkit/visitors"}
    for_visitors = load_settings({**LAMBDA, **key, "ALLOW_DEMO": "1", "AUTH_MODE": "visitor"})
    assert (for_visitors.llm_provider, for_visitors.auth_mode) == ("demo", "visitor")
    with pytest.raises(ConfigurationError, match="VISITOR_KEY"):
        load_settings({**LAMBDA, "ALLOW_DEMO": "1", "AUTH_MODE": "visitor"})


def test_an_emulator_of_lambda_may_have_guests() -> None:
    local = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "ALLOW_DEMO": "1"}
    assert load_settings({**LAMBDA, **local, "AUTH_MODE": "guest"}).auth_mode == "guest"


def test_visitors_have_finite_limits_whatever_the_users_have() -> None:
    settings = load(QUOTA_TOKENS_PER_DAY="", VISITOR_TOKENS_PER_DAY="70", VISITORS_TURNS_PER_MINUTE="9")
    assert settings.user_quota.tokens_per_day is None
    assert settings.retention_days is None
    of_visitors = settings.for_visitors()
    assert of_visitors.user_quota == Quota(turns_per_minute=5, tokens_per_day=70, spend_per_day=0.5, uploads_per_day=10)
    assert of_visitors.tenant_quota == Quota(turns_per_minute=9, tokens_per_day=2_000_000, spend_per_day=5)
    assert of_visitors.retention_days == 7


def test_a_cookie_for_every_page_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="VISITOR_COOKIE"):
        load(VISITOR_COOKIE="true", ALLOWED_ORIGINS="*")


def test_lists_and_headers_are_read_forgivingly() -> None:
    settings = load(
        ALLOWED_ORIGINS=" https://a.example ,https://b.example,",
        AUTH_ALGORITHMS="ES256",
        AUTH_HEADER="X-Authorization",
    )
    assert settings.allowed_origins == ("https://a.example", "https://b.example")
    assert settings.auth_algorithms == ("ES256",)
    assert settings.auth_header == "x-authorization"


def test_quotas_of_user_and_tenant_are_apart() -> None:
    settings = load(QUOTA_TURNS_PER_MINUTE="6", TENANT_QUOTA_TOKENS_PER_DAY="1000000")
    assert settings.user_quota == Quota(turns_per_minute=6)
    assert settings.tenant_quota == Quota(tokens_per_day=1_000_000)


def test_no_key_is_shown_by_a_log_line_or_an_error() -> None:
    settings = load(OPENAI_API_KEY="sk-secret", GEMINI_API_KEY_SECRET="secret-name", LLM_API_KEY="lk-secret")
    shown = repr(settings)
    assert "sk-secret" not in shown
    assert "secret-name" not in shown
    assert "lk-secret" not in shown
    assert settings.openai_api_key.read() == "sk-secret"


def test_a_key_that_is_not_there_is_a_configuration_error() -> None:
    assert not Secret()
    with pytest.raises(ConfigurationError):
        Secret().read()


def test_the_process_s_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"AUTH_MODE": "guest", "LLM_PROVIDER": "demo", "TABLE_NAME": "threads"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    assert load_settings().table_name == "threads"


def test_models_are_allowed_to_everyone_and_to_roles() -> None:
    allowed = load(ALLOWED_MODELS="a, b; admin=c,a ;boss = d:8b").allowed_models
    assert [allowed.of(role) for role in ("user", "admin", "boss")] == [("a", "b"), ("a", "b", "c"), ("a", "b", "d:8b")]
    for wrong in ("a;=b", "a;admin="):
        with pytest.raises(ConfigurationError, match="ALLOWED_MODELS"):
            load(ALLOWED_MODELS=wrong)
