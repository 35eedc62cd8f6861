"""Read every environment variable once, check it and give it a type."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, cast, get_args
from urllib.parse import urlsplit

from assistant.errors import ConfigurationError
from assistant.prices import PRICES, Price, load_prices

ProviderName = Literal["openai", "gemini", "compatible", "demo"]
AuthMode = Literal["jwt", "visitor", "guest"]
AuthPreset = Literal["cognito", "auth0", "clerk", "entra", "supabase"]
OnBusy = Literal["interrupt", "reject"]
OutputGuardrails = Literal["remove", "hold"]
ReasoningSummary = Literal["auto", "concise", "detailed"]
ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
Verbosity = Literal["low", "medium", "high"]

# Current models, checked in November 2026. gpt-6 models take function tools on the Responses API only.
DEFAULT_OPENAI_MODEL = "gpt-6-luna"
DEFAULT_GEMINI_MODEL = "gemini-3.8-flash"
DEFAULT_TRANSCRIPTION_MODEL = "gpt-transcribe"
DEFAULT_IMAGE_MODEL = "gpt-image-2.6-flare"
GEMINI_BASE_URL = "https://generativelanguage.googleapis.com/v1beta/openai/"

# API Gateway cuts a call at 30 s. The other 5 s are for storing and sending the answer.
DEFAULT_CHAT_TURN_SECONDS = 25.0
# Enough for a day's conversation, and cheap enough to send with every model call.
DEFAULT_HISTORY_MAX_TOKENS = 16_000
# On one core, with a model that costs nothing, a word of 100 turns that start at once is late by at most the time to
# the next word (`benchmarks/busy.py`). A provider's stream and an HTTP server need about as much CPU again.
DEFAULT_MAX_TURNS_PER_PROCESS = 50
# A user reads one answer at a time, and may have some tabs open.
DEFAULT_MAX_CONCURRENT_TURNS = 3
# A page, its reload and some tabs. Each follower holds a process on Lambda.
DEFAULT_MAX_FOLLOWERS = 5
# About 8,000 tokens: half of the history's default budget, and more than ten printed pages.
DEFAULT_MAX_MESSAGE_CHARS = 32_000
# A user's row holds the times of this many turns, and each turn writes the row. 500 times are 4 KB.
MAX_TURNS_PER_MINUTE = 500
# The same for a tenant, whose times are spread over 32 rows.
MAX_TENANT_TURNS_PER_MINUTE = 50_000
# More than any answer needs, also with a model that reasons. A smaller model's server may refuse a number this large,
# so the default holds for OpenAI and Gemini only.
DEFAULT_MAX_OUTPUT_TOKENS = 16_000
_WITH_DEFAULT_OUTPUT = frozenset({"openai", "gemini", None})
# An auditor asks for the last year.
DEFAULT_AUDIT_DAYS = 365
# More than 270 years is a typing error, and Python's dates overflow at a few million days.
MAX_RETENTION_DAYS = 99_999
# Above this a float cannot represent every whole number.
MAX_WHOLE = 2**53

# What visitors may use: nobody knows them, and anybody can become one. A visitor can hold a conversation of some twenty
# turns a day. All visitors together stay below a few dollars a day with the default model.
DEFAULT_VISITOR_TURNS_PER_MINUTE = 5
DEFAULT_VISITOR_TOKENS_PER_DAY = 50_000
DEFAULT_VISITORS_TURNS_PER_MINUTE = 60
DEFAULT_VISITORS_TOKENS_PER_DAY = 2_000_000
# Two pictures. The turns alone cost less.
DEFAULT_VISITOR_SPEND_PER_DAY = 0.5
DEFAULT_VISITORS_SPEND_PER_DAY = 5.0
# Enough for the visitors of an office behind one address.
DEFAULT_VISITORS_PER_ADDRESS = 20
DEFAULT_VISITORS_PER_DAY = 2_000
DEFAULT_VISITOR_RETENTION_DAYS = 7
# Names of this machine: plain HTTP to them crosses no network.
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}


@dataclass(frozen=True)
class Quota:
    """Limits of a user or a tenant. `None`: no limit.

    Attributes:
        turns_per_minute: Turns in any 60 seconds.
        tokens_per_day: Tokens on a UTC day, input and output.
        spend_per_day: US dollars on a UTC day, by the table of prices.
        transcriptions_per_minute: Recordings in any 60 seconds; for users only.
        pictures_per_day: Generated pictures on a UTC day; for users only.
        uploads_per_day: Files on a UTC day; for users only.
    """

    turns_per_minute: int | None = None
    tokens_per_day: int | None = None
    spend_per_day: float | None = None
    transcriptions_per_minute: int | None = None
    pictures_per_day: int | None = None
    uploads_per_day: int | None = None


@dataclass(frozen=True)
class AllowedModels:
    """The models that a page may choose.

    Attributes:
        everyone: The models for every role.
        by_role: More models for a role.
    """

    everyone: tuple[str, ...] = ()
    by_role: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def of(self, role: str) -> tuple[str, ...]:
        """Return the models that a caller with this role may choose, each once."""
        more = [model for name, models in self.by_role if name == role for model in models]
        return tuple(dict.fromkeys([*self.everyone, *more]))


@dataclass(frozen=True)
class Secret:
    """An API key, given as a value (locally) or as the name of a secret in Secrets Manager (on AWS).

    `repr` shows neither, so no log line can contain it.
    """

    value: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)

    def __bool__(self) -> bool:
        return bool(self.value or self.name)

    def read(self) -> str:
        """Return the key. If only its name is set, read it from Secrets Manager.

        Raises:
            ConfigurationError: neither a value nor a name is set.
        """
        if self.value:
            return self.value
        if not self.name:
            raise ConfigurationError("The provider needs an API key, and none is set.")
        from aws_lambda_powertools.utilities import parameters

        return str(parameters.get_secret(self.name))


@dataclass(frozen=True)
class VisitorSettings:
    """The settings of visitors, for `AUTH_MODE=visitor`.

    Attributes:
        key: The secret that signs visitors' tokens. Several are separated by commas; the first one signs.
        tenant: The tenant of all visitors.
        role: The role of all visitors.
        cookie: Whether the token is in a cookie that scripts cannot read.
        address_header: The header with the visitor's address, if a proxy sets it. None: the address of the connection.
        turns_per_minute: Maximum turns per visitor per minute.
        tokens_per_day: Maximum tokens per visitor per day.
        spend_per_day: Maximum US dollars per visitor per day.
        all_turns_per_minute: The same for all visitors together.
        all_tokens_per_day: The same for all visitors together.
        all_spend_per_day: The same for all visitors together.
        per_address: Maximum new visitors per address per day.
        per_day: Maximum new visitors per day.
        retention_days: Threads are deleted this many days after the start of their last turn.
    """

    key: Secret = field(default_factory=Secret)
    tenant: str = "visitors"
    role: str = "visitor"
    cookie: bool = False
    address_header: str | None = None
    turns_per_minute: int = DEFAULT_VISITOR_TURNS_PER_MINUTE
    tokens_per_day: int = DEFAULT_VISITOR_TOKENS_PER_DAY
    spend_per_day: float = DEFAULT_VISITOR_SPEND_PER_DAY
    all_turns_per_minute: int = DEFAULT_VISITORS_TURNS_PER_MINUTE
    all_tokens_per_day: int = DEFAULT_VISITORS_TOKENS_PER_DAY
    all_spend_per_day: float = DEFAULT_VISITORS_SPEND_PER_DAY
    per_address: int = DEFAULT_VISITORS_PER_ADDRESS
    per_day: int = DEFAULT_VISITORS_PER_DAY
    retention_days: int = DEFAULT_VISITOR_RETENTION_DAYS


@dataclass(frozen=True)
class Settings:
    """The whole configuration. Each field has the name of its environment variable in lower case."""

    # Provider and models
    llm_provider: ProviderName = "demo"
    llm_fallback: ProviderName | None = None
    openai_api_key: Secret = field(default_factory=Secret)
    openai_base_url: str | None = None
    openai_default_model: str = DEFAULT_OPENAI_MODEL
    openai_api: Literal["responses", "chat_completions"] = "responses"
    openai_store: bool = False
    openai_reasoning_summary: ReasoningSummary | None = None
    gemini_api_key: Secret = field(default_factory=Secret)
    gemini_base_url: str = GEMINI_BASE_URL
    gemini_default_model: str = DEFAULT_GEMINI_MODEL
    llm_base_url: str | None = None
    llm_api_key: Secret = field(default_factory=Secret)
    llm_default_model: str | None = None
    llm_capabilities: tuple[str, ...] = ()
    llm_reasoning_effort: ReasoningEffort | None = None
    llm_verbosity: Verbosity | None = None
    llm_temperature: float | None = None
    llm_max_output_tokens: int | None = None
    title_model: str | None = None
    transcription_model: str = DEFAULT_TRANSCRIPTION_MODEL
    image_model: str = DEFAULT_IMAGE_MODEL
    thread_titles: bool = True
    allowed_models: AllowedModels = field(default_factory=AllowedModels)
    allowed_tools: tuple[str, ...] = ()
    agents_tracing: bool = False
    agent_factory: str = "helpdesk:build_agent"
    mcp_server_url: str | None = None

    # Identity
    auth_mode: AuthMode = "jwt"
    auth_preset: AuthPreset | None = None
    auth_issuer: tuple[str, ...] = ()
    auth_audience: tuple[str, ...] = ()
    auth_audience_claim: tuple[str, ...] = ()
    auth_algorithms: tuple[str, ...] = ("RS256", "ES256")
    auth_jwks_url: tuple[str, ...] = ()
    auth_tenant: str | None = None
    auth_tenant_claim: tuple[str, ...] = ()
    auth_role_claim: tuple[str, ...] = ()
    auth_roles: tuple[str, ...] = ()
    auth_required_claims: tuple[str, ...] = ()
    auth_header: str = "authorization"
    visitors: VisitorSettings = field(default_factory=VisitorSettings)
    allowed_origins: tuple[str, ...] = ()
    base_path: tuple[str, ...] = ()

    # Storage
    table_name: str = ""
    bucket_name: str = ""

    # Turns
    history_max_tokens: int = DEFAULT_HISTORY_MAX_TOKENS
    retention_days: int | None = None
    on_busy: OnBusy = "interrupt"
    output_guardrails: OutputGuardrails = "remove"
    chat_turn_seconds: float = DEFAULT_CHAT_TURN_SECONDS
    max_turns_per_process: int = DEFAULT_MAX_TURNS_PER_PROCESS
    max_concurrent_turns: int = DEFAULT_MAX_CONCURRENT_TURNS
    max_followers: int = DEFAULT_MAX_FOLLOWERS
    max_message_chars: int = DEFAULT_MAX_MESSAGE_CHARS
    model_prices: tuple[tuple[str, Price], ...] = ()
    user_quota: Quota = field(default_factory=Quota)
    tenant_quota: Quota = field(default_factory=Quota)
    admin_roles: tuple[str, ...] = ()
    log_content: bool = False
    audit_days: int = DEFAULT_AUDIT_DAYS
    malware_scan: bool = False
    # `assistant.lazy_imports` reads the variable before the settings exist. Here it is checked.
    lazy_imports: bool = True
    user_hash_salt: str = ""

    # Comments in the event stream, for proxies that close idle connections or buffer small chunks
    stream_heartbeat: bool = True
    stream_flush_comments: bool = False

    def for_visitors(self) -> Settings:
        """Return the settings of a visitor's request: the visitors' limits in place of the users'."""
        visitors = self.visitors
        return replace(
            self,
            user_quota=replace(
                self.user_quota,
                turns_per_minute=visitors.turns_per_minute,
                tokens_per_day=visitors.tokens_per_day,
                spend_per_day=visitors.spend_per_day,
            ),
            tenant_quota=replace(
                self.tenant_quota,
                turns_per_minute=visitors.all_turns_per_minute,
                tokens_per_day=visitors.all_tokens_per_day,
                spend_per_day=visitors.all_spend_per_day,
            ),
            retention_days=visitors.retention_days,
        )

    @property
    def prices(self) -> Mapping[str, Price]:
        """The prices by model. Those of `MODEL_PRICES` win."""
        return {**PRICES, **dict(self.model_prices)}

    @property
    def default_model(self) -> str | None:
        """The first provider's model for agents that choose none."""
        match self.llm_provider:
            case "openai":
                return self.openai_default_model
            case "gemini":
                return self.gemini_default_model
            case "compatible":
                return self.llm_default_model
            case "demo":
                return "demo"


class _Environment:
    """Reads typed values. An error names the variable that is wrong."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def text(self, name: str) -> str | None:
        return self._env.get(name, "").strip() or None

    def flag(self, name: str, default: bool = False) -> bool:
        raw = self.text(name)
        if raw is None:
            return default
        if raw.lower() in _TRUE:
            return True
        if raw.lower() in FALSE:
            return False
        raise ConfigurationError(f"{name} must be true or false, not {raw!r}.")

    def number(self, name: str, *, least: float = 1) -> float | None:
        raw = self.text(name)
        if raw is None:
            return None
        try:
            value = float(raw)
        except ValueError:
            raise ConfigurationError(f"{name} must be a number, not {raw!r}.") from None
        if not least <= value < float("inf"):
            raise ConfigurationError(f"{name} must be at least {least:g}, not {raw}.")
        return value

    def whole(self, name: str, *, most: int = MAX_WHOLE) -> int | None:
        value = self.number(name)
        if value is None:
            return None
        if value > most or not value.is_integer():
            raise ConfigurationError(f"{name} must be a whole number up to {most}, not {self.text(name)}.")
        return int(value)

    def choice(self, name: str, choices: tuple[str, ...]) -> str | None:
        raw = self.text(name)
        if raw is not None and raw not in choices:
            raise ConfigurationError(f"{name} must be one of {', '.join(choices)}, not {raw!r}.")
        return raw

    def words(self, name: str) -> tuple[str, ...]:
        return _words(self._env.get(name, ""))

    def models(self, name: str) -> AllowedModels:
        everyone: list[str] = []
        by_role: list[tuple[str, tuple[str, ...]]] = []
        for group in self._env.get(name, "").split(";"):
            role, found, models = group.partition("=")
            if not found:
                everyone += _words(group)
            elif role.strip() and _words(models):
                by_role.append((role.strip(), _words(models)))
            else:
                raise ConfigurationError(f"{name} must be like 'model-a,model-b;admin=model-c', not {group!r}.")
        return AllowedModels(tuple(everyone), tuple(by_role))

    def secret(self, name: str) -> Secret:
        return Secret(value=self.text(name), name=self.text(f"{name}_SECRET"))

    def quota(self, prefix: str, most_turns: int) -> Quota:
        return Quota(
            turns_per_minute=self.whole(f"{prefix}QUOTA_TURNS_PER_MINUTE", most=most_turns),
            tokens_per_day=self.whole(f"{prefix}QUOTA_TOKENS_PER_DAY"),
            spend_per_day=self.number(f"{prefix}QUOTA_SPEND_PER_DAY", least=0),
        )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _provider(env: _Environment, on_lambda: bool) -> ProviderName:
    """Return the provider that `LLM_PROVIDER` names, or else the first one that is configured."""
    named = env.choice("LLM_PROVIDER", get_args(ProviderName))
    if named is None:
        if env.secret("OPENAI_API_KEY"):
            named = "openai"
        elif env.secret("GEMINI_API_KEY"):
            named = "gemini"
        elif env.text("LLM_BASE_URL"):
            named = "compatible"
        else:
            named = "demo"
    _check_provider("LLM_PROVIDER", named, env, on_lambda)
    return cast(ProviderName, named)


def _fallback(env: _Environment, on_lambda: bool) -> ProviderName | None:
    named = env.choice("LLM_FALLBACK", get_args(ProviderName))
    if named is not None:
        _check_provider("LLM_FALLBACK", named, env, on_lambda)
    return cast(ProviderName | None, named)


def _check_provider(variable: str, named: str, env: _Environment, on_lambda: bool) -> None:
    """Check that the provider is configured, and that the demo model runs on Lambda only with `ALLOW_DEMO`.

    Args:
        variable: The environment variable that chose the provider, for the error message.

    Raises:
        ConfigurationError: A setting is missing.
    """
    if named == "demo" and on_lambda and not env.flag("ALLOW_DEMO"):
        raise ConfigurationError(
            f"{variable} selects the demo model. Set a provider and its key, "
            "or set ALLOW_DEMO=true to run the demo model on Lambda."
        )
    if named == "openai" and not env.secret("OPENAI_API_KEY"):
        raise ConfigurationError(f"{variable}=openai needs OPENAI_API_KEY (on AWS: OPENAI_API_KEY_SECRET).")
    if named == "gemini" and not env.secret("GEMINI_API_KEY"):
        raise ConfigurationError(f"{variable}=gemini needs GEMINI_API_KEY (on AWS: GEMINI_API_KEY_SECRET).")
    if named == "compatible" and not (env.text("LLM_BASE_URL") and env.text("LLM_DEFAULT_MODEL")):
        raise ConfigurationError(f"{variable}=compatible needs LLM_BASE_URL and LLM_DEFAULT_MODEL.")


def _auth_mode(env: _Environment, on_lambda: bool) -> AuthMode:
    mode = env.choice("AUTH_MODE", get_args(AuthMode)) or "jwt"
    # All guests are one person. An emulator of Lambda has a local AWS, and its data is nobody's.
    if mode == "guest" and on_lambda and not env.text("AWS_ENDPOINT_URL"):
        raise ConfigurationError("AUTH_MODE=guest is for make dev: all guests are one user. Set AUTH_MODE=visitor.")
    if mode == "visitor" and not env.secret("VISITOR_KEY"):
        raise ConfigurationError("AUTH_MODE=visitor needs VISITOR_KEY (on AWS: VISITOR_KEY_SECRET).")
    if mode == "jwt" and not env.text("AUTH_ISSUER"):
        raise ConfigurationError("AUTH_MODE=jwt needs AUTH_ISSUER and AUTH_AUDIENCE.")
    return cast(AuthMode, mode)


def _key_urls(env: _Environment, on_lambda: bool) -> tuple[str, ...]:
    """Return the URLs of the issuers' keys. Over plain HTTP, anybody on the network could replace the keys."""
    urls = env.words("AUTH_JWKS_URL")
    # Without them, the keys are at a URL that starts with the issuer.
    name = "AUTH_JWKS_URL" if urls else "AUTH_ISSUER"
    for url in env.words(name):
        parts = urlsplit(url)
        local = parts.scheme == "http" and parts.hostname in _LOOPBACK and not on_lambda
        if not parts.hostname or not (parts.scheme == "https" or local):
            raise ConfigurationError(f"{name} must start with https://, not {url!r}.")
    return urls


def _base_path(env: _Environment) -> tuple[str, ...]:
    prefixes = env.words("BASE_PATH")
    for prefix in prefixes:
        if not prefix.startswith("/") or prefix.endswith("/"):
            raise ConfigurationError(f"BASE_PATH must be like /prod: with a slash at the start only, not {prefix!r}.")
    return prefixes


def _visitors(env: _Environment) -> VisitorSettings:
    if env.flag("VISITOR_COOKIE") and "*" in env.words("ALLOWED_ORIGINS"):
        raise ConfigurationError("VISITOR_COOKIE=true needs ALLOWED_ORIGINS without '*': any page could use it.")
    header = env.text("VISITOR_ADDRESS_HEADER")
    return VisitorSettings(
        key=env.secret("VISITOR_KEY"),
        tenant=env.text("VISITOR_TENANT") or "visitors",
        role=env.text("VISITOR_ROLE") or "visitor",
        cookie=env.flag("VISITOR_COOKIE"),
        address_header=header.lower() if header else None,
        turns_per_minute=env.whole("VISITOR_TURNS_PER_MINUTE", most=MAX_TURNS_PER_MINUTE)
        or DEFAULT_VISITOR_TURNS_PER_MINUTE,
        tokens_per_day=env.whole("VISITOR_TOKENS_PER_DAY") or DEFAULT_VISITOR_TOKENS_PER_DAY,
        spend_per_day=env.number("VISITOR_SPEND_PER_DAY", least=0.000001) or DEFAULT_VISITOR_SPEND_PER_DAY,
        all_turns_per_minute=env.whole("VISITORS_TURNS_PER_MINUTE", most=MAX_TENANT_TURNS_PER_MINUTE)
        or DEFAULT_VISITORS_TURNS_PER_MINUTE,
        all_tokens_per_day=env.whole("VISITORS_TOKENS_PER_DAY") or DEFAULT_VISITORS_TOKENS_PER_DAY,
        all_spend_per_day=env.number("VISITORS_SPEND_PER_DAY", least=0.000001) or DEFAULT_VISITORS_SPEND_PER_DAY,
        per_address=env.whole("VISITORS_PER_ADDRESS") or DEFAULT_VISITORS_PER_ADDRESS,
        per_day=env.whole("VISITORS_PER_DAY") or DEFAULT_VISITORS_PER_DAY,
        retention_days=env.whole("VISITOR_RETENTION_DAYS", most=MAX_RETENTION_DAYS) or DEFAULT_VISITOR_RETENTION_DAYS,
    )


def _default_output(provider: ProviderName, fallback: ProviderName | None) -> int | None:
    return DEFAULT_MAX_OUTPUT_TOKENS if {provider, fallback} <= _WITH_DEFAULT_OUTPUT else None


def load_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Args:
        env: The environment variables. Default: those of this process.

    Raises:
        ConfigurationError: A variable is invalid or missing. The message names it and never shows a key.
    """
    source = os.environ if env is None else env
    read = _Environment(source)
    # Lambda and `sam local` set this variable.
    on_lambda = bool(source.get("AWS_LAMBDA_FUNCTION_NAME"))
    provider, fallback = _provider(read, on_lambda), _fallback(read, on_lambda)
    return Settings(
        llm_provider=provider,
        llm_fallback=fallback,
        openai_api_key=read.secret("OPENAI_API_KEY"),
        openai_base_url=read.text("OPENAI_BASE_URL"),
        openai_default_model=read.text("OPENAI_DEFAULT_MODEL") or DEFAULT_OPENAI_MODEL,
        openai_api=cast(
            Literal["responses", "chat_completions"],
            read.choice("OPENAI_API", ("responses", "chat_completions")) or "responses",
        ),
        openai_store=read.flag("OPENAI_STORE"),
        openai_reasoning_summary=cast(
            ReasoningSummary | None, read.choice("OPENAI_REASONING_SUMMARY", get_args(ReasoningSummary))
        ),
        gemini_api_key=read.secret("GEMINI_API_KEY"),
        gemini_base_url=read.text("GEMINI_BASE_URL") or GEMINI_BASE_URL,
        gemini_default_model=read.text("GEMINI_DEFAULT_MODEL") or DEFAULT_GEMINI_MODEL,
        llm_base_url=read.text("LLM_BASE_URL"),
        llm_api_key=read.secret("LLM_API_KEY"),
        llm_default_model=read.text("LLM_DEFAULT_MODEL"),
        llm_capabilities=read.words("LLM_CAPABILITIES"),
        llm_reasoning_effort=cast(
            ReasoningEffort | None, read.choice("LLM_REASONING_EFFORT", get_args(ReasoningEffort))
        ),
        llm_verbosity=cast(Verbosity | None, read.choice("LLM_VERBOSITY", get_args(Verbosity))),
        llm_temperature=read.number("LLM_TEMPERATURE", least=0),
        llm_max_output_tokens=read.whole("LLM_MAX_OUTPUT_TOKENS") or _default_output(provider, fallback),
        title_model=read.text("TITLE_MODEL"),
        transcription_model=read.text("TRANSCRIPTION_MODEL") or DEFAULT_TRANSCRIPTION_MODEL,
        image_model=read.text("IMAGE_MODEL") or DEFAULT_IMAGE_MODEL,
        thread_titles=read.flag("THREAD_TITLES", default=True),
        allowed_models=read.models("ALLOWED_MODELS"),
        allowed_tools=read.words("ALLOWED_TOOLS"),
        agents_tracing=read.flag("AGENTS_TRACING"),
        agent_factory=read.text("AGENT_FACTORY") or "helpdesk:build_agent",
        mcp_server_url=read.text("MCP_SERVER_URL"),
        auth_mode=_auth_mode(read, on_lambda),
        auth_preset=cast(AuthPreset | None, read.choice("AUTH_PRESET", get_args(AuthPreset))),
        auth_issuer=read.words("AUTH_ISSUER"),
        auth_audience=read.words("AUTH_AUDIENCE"),
        auth_audience_claim=read.words("AUTH_AUDIENCE_CLAIM"),
        auth_algorithms=read.words("AUTH_ALGORITHMS") or ("RS256", "ES256"),
        auth_jwks_url=_key_urls(read, on_lambda),
        auth_tenant=read.text("AUTH_TENANT"),
        auth_tenant_claim=read.words("AUTH_TENANT_CLAIM"),
        auth_role_claim=read.words("AUTH_ROLE_CLAIM"),
        auth_roles=read.words("AUTH_ROLES"),
        auth_required_claims=read.words("AUTH_REQUIRED_CLAIMS"),
        auth_header=(read.text("AUTH_HEADER") or "authorization").lower(),
        visitors=_visitors(read),
        allowed_origins=read.words("ALLOWED_ORIGINS"),
        base_path=_base_path(read),
        table_name=read.text("TABLE_NAME") or "",
        bucket_name=read.text("BUCKET_NAME") or "",
        history_max_tokens=read.whole("HISTORY_MAX_TOKENS") or DEFAULT_HISTORY_MAX_TOKENS,
        retention_days=read.whole("RETENTION_DAYS", most=MAX_RETENTION_DAYS),
        on_busy=cast(OnBusy, read.choice("ON_BUSY", get_args(OnBusy)) or "interrupt"),
        output_guardrails=cast(
            OutputGuardrails, read.choice("OUTPUT_GUARDRAILS", get_args(OutputGuardrails)) or "remove"
        ),
        chat_turn_seconds=read.number("CHAT_TURN_SECONDS") or DEFAULT_CHAT_TURN_SECONDS,
        max_turns_per_process=read.whole("MAX_TURNS_PER_PROCESS") or DEFAULT_MAX_TURNS_PER_PROCESS,
        max_concurrent_turns=read.whole("MAX_CONCURRENT_TURNS") or DEFAULT_MAX_CONCURRENT_TURNS,
        max_followers=read.whole("MAX_FOLLOWERS") or DEFAULT_MAX_FOLLOWERS,
        max_message_chars=read.whole("MAX_MESSAGE_CHARS") or DEFAULT_MAX_MESSAGE_CHARS,
        model_prices=load_prices(read.text("MODEL_PRICES") or ""),
        user_quota=replace(
            read.quota("", MAX_TURNS_PER_MINUTE),
            transcriptions_per_minute=read.whole("QUOTA_TRANSCRIPTIONS_PER_MINUTE", most=MAX_TURNS_PER_MINUTE),
            pictures_per_day=read.whole("QUOTA_PICTURES_PER_DAY"),
            uploads_per_day=read.whole("QUOTA_UPLOADS_PER_DAY"),
        ),
        tenant_quota=read.quota("TENANT_", MAX_TENANT_TURNS_PER_MINUTE),
        admin_roles=read.words("ADMIN_ROLES"),
        log_content=read.flag("LOG_CONTENT"),
        audit_days=read.whole("AUDIT_DAYS", most=MAX_RETENTION_DAYS) or DEFAULT_AUDIT_DAYS,
        malware_scan=read.flag("MALWARE_SCAN"),
        lazy_imports=read.flag("LAZY_IMPORTS", default=True),
        user_hash_salt=read.text("USER_HASH_SALT") or "",
        stream_heartbeat=read.flag("STREAM_HEARTBEAT", default=True),
        stream_flush_comments=read.flag("STREAM_FLUSH_COMMENTS"),
    )
