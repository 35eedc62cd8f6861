"""The verified identity of a request.

Every key in the table and the bucket contains the caller's tenant and user. So the caller decides whose data a request
can reach.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from assistant.aws.keys import ThreadRef, user_partition

GUEST_TENANT = "local"
GUEST_USER = "guest"
DEFAULT_ROLE = "user"


@dataclass(frozen=True)
class Caller:
    """The verified identity of a request.

    Attributes:
        tenant_id: The organisation, from the claim that `AUTH_TENANT_CLAIM` names.
        user_id: The subject of the token.
        role: The role, from the claim that `AUTH_ROLE_CLAIM` names. Default: `user`.
        visitor: Whether nobody has signed in. The visitors' limits then apply.
        name: The person's name, from the claim that `AUTH_NAME_CLAIM` names. It identifies nobody.
    """

    tenant_id: str
    user_id: str
    role: str = DEFAULT_ROLE
    visitor: bool = False
    name: str | None = field(default=None, compare=False)

    @property
    def partition(self) -> str:
        """The partition key of the user's rows that belong to no thread."""
        return user_partition(self.tenant_id, self.user_id)

    def thread(self, thread_id: str) -> ThreadRef:
        """Return the key of a thread of this user. Another user's thread has a different key, even with the same id."""
        return ThreadRef(self.tenant_id, self.user_id, thread_id)
