"""The settings of callers: users with an identity provider, visitors, guests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, cast, get_args
from urllib.parse import urlsplit

from assistant.errors import ConfigurationError
from assistant.settings.environment import Environment, Secret
from assistant.settings.limits import MAX_RETENTION_DAYS, MAX_TENANT_TURNS_PER_MINUTE, MAX_TURNS_PER_MINUTE

AuthMode = Literal["jwt", "visitor", "guest"]
AuthPreset = Literal["cognito", "auth0", "clerk", "entra", "supabase"]
# What visitors may use: nobody knows them, and anybody can become one. A visitor can hold a conversation of some twenty
# turns a day. All visitors together stay below a few dollars a day with the default model.
DEFAULT_VISITOR_TURNS_PER_MINUTE = 5
DEFAULT_VISITOR_TOKENS_PER_DAY = 50_000
DEFAULT_VISITORS_TURNS_PER_MINUTE = 60
DEFAULT_VISITORS_TOKENS_PER_DAY = 2_000_000
# Two pictures. The turns alone cost less.
DEFAULT_VISITOR_SPEND_PER_DAY = 0.5
DEFAULT_VISITORS_SPEND_PER_DAY = 5.0
# At most 150 MB a day. Nothing but the number of new visitors limits the files of all visitors.
DEFAULT_VISITOR_UPLOADS_PER_DAY = 10
# Enough for the visitors of an office behind one address.
DEFAULT_VISITORS_PER_ADDRESS = 20
DEFAULT_VISITORS_PER_DAY = 2_000
DEFAULT_VISITOR_RETENTION_DAYS = 7
# Names of this machine: plain HTTP to them crosses no network.
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


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
        uploads_per_day: Maximum files per visitor per day.
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
    uploads_per_day: int = DEFAULT_VISITOR_UPLOADS_PER_DAY
    all_turns_per_minute: int = DEFAULT_VISITORS_TURNS_PER_MINUTE
    all_tokens_per_day: int = DEFAULT_VISITORS_TOKENS_PER_DAY
    all_spend_per_day: float = DEFAULT_VISITORS_SPEND_PER_DAY
    per_address: int = DEFAULT_VISITORS_PER_ADDRESS
    per_day: int = DEFAULT_VISITORS_PER_DAY
    retention_days: int = DEFAULT_VISITOR_RETENTION_DAYS


def auth_mode(env: Environment, on_lambda: bool) -> AuthMode:
    mode = env.choice("AUTH_MODE", get_args(AuthMode)) or "jwt"
    # All guests are one person. An emulator of Lambda has a local AWS, and its data is nobody's.
    if mode == "guest" and on_lambda and not env.text("AWS_ENDPOINT_URL"):
        raise ConfigurationError("AUTH_MODE=guest is for make dev: all guests are one user. Set AUTH_MODE=visitor.")
    if mode == "visitor" and not env.secret("VISITOR_KEY"):
        raise ConfigurationError("AUTH_MODE=visitor needs VISITOR_KEY (on AWS: VISITOR_KEY_SECRET).")
    if mode == "jwt" and not env.text("AUTH_ISSUER"):
        raise ConfigurationError("AUTH_MODE=jwt needs AUTH_ISSUER and AUTH_AUDIENCE.")
    return cast(AuthMode, mode)


def key_urls(env: Environment, on_lambda: bool) -> tuple[str, ...]:
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


def visitor_settings(env: Environment) -> VisitorSettings:
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
        uploads_per_day=env.whole("VISITOR_UPLOADS_PER_DAY") or DEFAULT_VISITOR_UPLOADS_PER_DAY,
        all_turns_per_minute=env.whole("VISITORS_TURNS_PER_MINUTE", most=MAX_TENANT_TURNS_PER_MINUTE)
        or DEFAULT_VISITORS_TURNS_PER_MINUTE,
        all_tokens_per_day=env.whole("VISITORS_TOKENS_PER_DAY") or DEFAULT_VISITORS_TOKENS_PER_DAY,
        all_spend_per_day=env.number("VISITORS_SPEND_PER_DAY", least=0.000001) or DEFAULT_VISITORS_SPEND_PER_DAY,
        per_address=env.whole("VISITORS_PER_ADDRESS") or DEFAULT_VISITORS_PER_ADDRESS,
        per_day=env.whole("VISITORS_PER_DAY") or DEFAULT_VISITORS_PER_DAY,
        retention_days=env.whole("VISITOR_RETENTION_DAYS", most=MAX_RETENTION_DAYS) or DEFAULT_VISITOR_RETENTION_DAYS,
    )
