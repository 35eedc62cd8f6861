"""The identity of a caller: verify the token of a request and return its `Caller`."""

from assistant.identity.authenticator import Authenticator
from assistant.identity.caller import DEFAULT_ROLE, GUEST_TENANT, GUEST_USER, Caller

__all__ = ["DEFAULT_ROLE", "GUEST_TENANT", "GUEST_USER", "Authenticator", "Caller"]
