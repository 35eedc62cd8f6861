"""The identity of a caller: verify the token of a request and return its `Caller`; make the identities of visitors."""

from assistant.identity.authenticator import VISITOR_COOKIE, Authenticator
from assistant.identity.caller import DEFAULT_ROLE, GUEST_TENANT, GUEST_USER, Caller
from assistant.identity.visitors import TOKEN_SECONDS

__all__ = [
    "DEFAULT_ROLE",
    "GUEST_TENANT",
    "GUEST_USER",
    "TOKEN_SECONDS",
    "VISITOR_COOKIE",
    "Authenticator",
    "Caller",
]
