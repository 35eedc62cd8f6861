"""All settings: read every environment variable once, check it and give it a type."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, cast, get_args

from assistant.errors import ConfigurationError
from assistant.prices import PRICES, Price, load_prices
from assistant.settings.environment import Environment, Secret
from assistant.settings.identity import AuthMode, AuthPreset, VisitorSettings, auth_mode, key_urls, visitor_settings
from assistant.settings.knowledge import KnowledgeSettings, knowledge_settings
from assistant.settings.limits import (
    DEFAULT_AUDIT_DAYS,
    DEFAULT_CHAT_TURN_SECONDS,
    DEFAULT_HISTORY_MAX_TOKENS,
    DEFAULT_MAX_CONCURRENT_TURNS,
    DEFAULT_MAX_FOLLOWERS,
    DEFAULT_MAX_MESSAGE_CHARS,
    DEFAULT_MAX_TURNS_PER_PROCESS,
    MAX_RETENTION_DAYS,
    MAX_TENANT_TURNS_PER_MINUTE,
    MAX_TURNS_PER_MINUTE,
    Quota,
    quota,
)
from assistant.settings.models import (
    DEFAULT_GEMINI_MODEL,
    DEFAULT_IMAGE_MODEL,
    DEFAULT_OPENAI_MODEL,
    DEFAULT_TRANSCRIPTION_MODEL,
    GEMINI_BASE_URL,
    AllowedModels,
    ProviderName,
    ReasoningEffort,
    ReasoningSummary,
    Verbosity,
    allowed_models,
    default_output,
    fallback_of,
    provider_of,
)
from assistant.settings.tracing import TracingSettings, tracing_settings

OnBusy = Literal["interrupt", "reject"]
# Who may open a link to a shared thread.
Shares = Literal["off", "tenant", "public"]
Preload = Literal["turn", "init"]
OutputGuardrails = Literal["remove", "hold"]


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
    # The platform knows no package. The template, the dev server and the scripts name the chosen one.
    agent_factory: str = ""
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
    auth_name_claim: tuple[str, ...] = ()
    auth_roles: tuple[str, ...] = ()
    auth_required_claims: tuple[str, ...] = ()
    auth_header: str = "authorization"
    visitors: VisitorSettings = field(default_factory=VisitorSettings)
    allowed_origins: tuple[str, ...] = ()
    base_path: tuple[str, ...] = ()

    # Storage
    table_name: str = ""
    bucket_name: str = ""
    knowledge: KnowledgeSettings = field(default_factory=KnowledgeSettings)

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
    user_data_routes: bool = False
    shares: Shares = "tenant"
    history_search: bool = False
    memory_extraction: bool = False
    support_roles: tuple[str, ...] = ()
    # The function that runs jobs. Empty: there are none.
    job_function: str = ""
    malware_scan: bool = False
    # `assistant.lazy_imports` reads the variable before the settings exist. Here it is checked.
    lazy_imports: bool = True
    preload: Preload = "turn"
    user_hash_salt: str = ""
    tracing: TracingSettings = field(default_factory=TracingSettings)

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
                uploads_per_day=visitors.uploads_per_day,
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


def _base_path(env: Environment) -> tuple[str, ...]:
    prefixes = env.words("BASE_PATH")
    for prefix in prefixes:
        if not prefix.startswith("/") or prefix.endswith("/"):
            raise ConfigurationError(f"BASE_PATH must be like /prod: with a slash at the start only, not {prefix!r}.")
    return prefixes


def load_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Args:
        env: The environment variables. Default: those of this process.

    Raises:
        ConfigurationError: A variable is invalid or missing. The message names it and never shows a key.
    """
    source = os.environ if env is None else env
    read = Environment(source)
    # Lambda and `sam local` set this variable.
    on_lambda = bool(source.get("AWS_LAMBDA_FUNCTION_NAME"))
    provider, fallback = provider_of(read, on_lambda), fallback_of(read, on_lambda)
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
        llm_max_output_tokens=read.whole("LLM_MAX_OUTPUT_TOKENS") or default_output(provider, fallback),
        title_model=read.text("TITLE_MODEL"),
        transcription_model=read.text("TRANSCRIPTION_MODEL") or DEFAULT_TRANSCRIPTION_MODEL,
        image_model=read.text("IMAGE_MODEL") or DEFAULT_IMAGE_MODEL,
        thread_titles=read.flag("THREAD_TITLES", default=True),
        allowed_models=allowed_models(read, "ALLOWED_MODELS"),
        allowed_tools=read.words("ALLOWED_TOOLS"),
        agents_tracing=read.flag("AGENTS_TRACING"),
        agent_factory=read.text("AGENT_FACTORY") or "",
        mcp_server_url=read.text("MCP_SERVER_URL"),
        auth_mode=auth_mode(read, on_lambda),
        auth_preset=cast(AuthPreset | None, read.choice("AUTH_PRESET", get_args(AuthPreset))),
        auth_issuer=read.words("AUTH_ISSUER"),
        auth_audience=read.words("AUTH_AUDIENCE"),
        auth_audience_claim=read.words("AUTH_AUDIENCE_CLAIM"),
        auth_algorithms=read.words("AUTH_ALGORITHMS") or ("RS256", "ES256"),
        auth_jwks_url=key_urls(read, on_lambda),
        auth_tenant=read.text("AUTH_TENANT"),
        auth_tenant_claim=read.words("AUTH_TENANT_CLAIM"),
        auth_role_claim=read.words("AUTH_ROLE_CLAIM"),
        auth_name_claim=read.words("AUTH_NAME_CLAIM"),
        auth_roles=read.words("AUTH_ROLES"),
        auth_required_claims=read.words("AUTH_REQUIRED_CLAIMS"),
        auth_header=(read.text("AUTH_HEADER") or "authorization").lower(),
        visitors=visitor_settings(read),
        allowed_origins=read.words("ALLOWED_ORIGINS"),
        base_path=_base_path(read),
        table_name=read.text("TABLE_NAME") or "",
        bucket_name=read.text("BUCKET_NAME") or "",
        knowledge=knowledge_settings(read, provider),
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
            quota(read, "", MAX_TURNS_PER_MINUTE),
            transcriptions_per_minute=read.whole("QUOTA_TRANSCRIPTIONS_PER_MINUTE", most=MAX_TURNS_PER_MINUTE),
            pictures_per_day=read.whole("QUOTA_PICTURES_PER_DAY"),
            uploads_per_day=read.whole("QUOTA_UPLOADS_PER_DAY"),
        ),
        tenant_quota=quota(read, "TENANT_", MAX_TENANT_TURNS_PER_MINUTE),
        admin_roles=read.words("ADMIN_ROLES"),
        log_content=read.flag("LOG_CONTENT"),
        audit_days=read.whole("AUDIT_DAYS", most=MAX_RETENTION_DAYS) or DEFAULT_AUDIT_DAYS,
        user_data_routes=read.flag("USER_DATA_ROUTES"),
        job_function=read.text("JOB_FUNCTION") or "",
        support_roles=read.words("SUPPORT_ROLES"),
        shares=cast(Shares, read.choice("SHARES", get_args(Shares)) or "tenant"),
        history_search=read.flag("HISTORY_SEARCH"),
        memory_extraction=read.flag("MEMORY_EXTRACTION"),
        malware_scan=read.flag("MALWARE_SCAN"),
        lazy_imports=read.flag("LAZY_IMPORTS", default=True),
        preload=cast(Preload, read.choice("PRELOAD", get_args(Preload)) or "turn"),
        user_hash_salt=read.text("USER_HASH_SALT") or "",
        tracing=tracing_settings(read),
        stream_heartbeat=read.flag("STREAM_HEARTBEAT", default=True),
        stream_flush_comments=read.flag("STREAM_FLUSH_COMMENTS"),
    )
