"""Acts beside turns that a client may send twice under one `Idempotency-Key`: a fork, a share, words of a person.

The key's row is written with the act, and says what the act has made. So the second request gets the same result.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from assistant import clock
from assistant.aws import ConditionFailedError, Row, Table, Write
from assistant.aws.keys import Key
from assistant.errors import ConflictError
from assistant.identity import Caller
from assistant.threads.rows import SCHEMA_VERSION, is_visible
from assistant.threads.turn_record import IDEMPOTENCY_LIFETIME, act_key_sk

Act = Literal["fork", "share", "say"]


@dataclass(frozen=True)
class RepeatKey:
    """The key by which two requests are the same act.

    Attributes:
        key: The key's row, in the caller's partition.
        given: What the client has sent. The table has its hash only.
        body: A digest of the request, to refuse a key that the client reuses for another request.
    """

    key: Key
    given: str
    body: str

    async def made(self, table: Table) -> Row | None:
        """Return what the first request with this key has made; None if this is the first.

        Raises:
            ConflictError: the client has used the key for another request.
        """
        row = await table.get(self.key)
        if row is None or not is_visible(row):
            return None
        if row["body"] != self.body:
            raise ConflictError("This Idempotency-Key belongs to another request.")
        return row

    def write(self, made: Mapping[str, Any]) -> Write:
        """Return the write for the act's transaction, on condition that no other request has used the key."""
        now = clock.now()
        end = int((now + IDEMPOTENCY_LIFETIME).timestamp())
        row = {"schema_version": SCHEMA_VERSION, **made, "body": self.body, "expires_at": end, "ttl": end}
        free = "attribute_not_exists(pk) OR expires_at < :now"
        return Write(self.key, put=row, condition=free, values={":now": int(now.timestamp())})

    def met(self, error: ConditionFailedError, index: int) -> bool:
        """Tell whether a transaction has failed because another request has used the key.

        Args:
            error: The failure.
            index: The position of this key's write.
        """
        return index in {error.index, *(other for other, _ in error.others)}


def repeat_key(act: Act, given: str | None, body: Mapping[str, Any], caller: Caller) -> RepeatKey | None:
    """Return the key of a request; None if the client has sent none.

    Args:
        act: What the request does.
        given: The `Idempotency-Key` header.
        body: The request's content, with what its path names.
        caller: The caller.

    Raises:
        InvalidRequestError: the key is too long.
    """
    if given is None:
        return None
    digest = sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return RepeatKey(Key(caller.partition, act_key_sk(act, given)), given, digest)
