"""The rows of shares: make, list, find and revoke them.

Each share has three rows. `SHARE#hash` is found by the link's token. One in the owner's partition is for the list. One
in the thread's partition names the other two, so the thread's removal removes them.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import secrets
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from assistant import audit, clock, quotas
from assistant.aws import ConditionFailedError, Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext, Resources
from assistant.errors import ForbiddenError, InvalidRequestError, NotFoundError, QuotaExceededError
from assistant.identity import Caller
from assistant.ids import new_id
from assistant.shares.snapshot import Snapshot, make_snapshot, shown_snapshot
from assistant.threads import (
    SCHEMA_VERSION,
    THREAD_EXISTS,
    RepeatKey,
    ThreadNotFoundError,
    is_visible,
    object_expiry,
    prefix_removal,
)

SHARE_PREFIX = "shr"
DEFAULT_DAYS = 7
# A link that nobody remembers should not work for years.
MAX_DAYS = 90
# 32 random bytes cannot be guessed.
TOKEN_BYTES = 32
# Each view reads the table and the bucket, and a public link needs no account.
MAX_VIEWS_PER_MINUTE = 120
# Shares that one page of the list has.
PAGE_ROWS = 100
# Files that are copied at the same time.
PARALLEL_COPIES = 10
_NOT_LISTED = {"pk", "sk", "schema_version", "ttl", "hash"}


@dataclass(frozen=True)
class Share:
    """A share that its owner has just made.

    Attributes:
        row: What the list says about it.
        token: The link's token. Nobody can read it later.
    """

    row: Row
    token: str


async def share_thread(
    thread_id: str,
    context: RequestContext,
    *,
    item_id: str | None = None,
    days: int | None = None,
    public: bool = False,
    files: bool = False,
    repeat: RepeatKey | None = None,
) -> Share:
    """Make a snapshot of a thread of the caller, and a link to it.

    Args:
        thread_id: The thread.
        context: The request's context.
        item_id: The last item to show; None for the thread's newest.
        days: How long the link works; None for `DEFAULT_DAYS`.
        public: Whether it works for everybody, not for the tenant's users only.
        files: Whether files and pictures are part of it.
        repeat: The request's key. A second request with it gets the link of the first.

    Raises:
        NotFoundError: the thread or the item does not exist for this caller.
        InvalidRequestError: `days` is out of range.
        ForbiddenError: the caller is a visitor, or the deployment has no public links.
        TooLargeError: the conversation is too long.
        QuotaExceededError: the user has made too many links today.
        ConflictError: the key belongs to another request.
    """
    before = None if repeat is None else await _made_before(repeat, context)
    if before is not None:
        return before
    days = DEFAULT_DAYS if days is None else days
    if not 1 <= days <= MAX_DAYS:
        raise InvalidRequestError(f"A link works for 1 to {MAX_DAYS} days.")
    snapshot = await make_snapshot(thread_id, item_id, context, files=files)
    # Visitors share one tenant, so a visitor's link would work for all of them.
    if context.caller.visitor or (public and context.settings.shares != "public"):
        raise ForbiddenError
    await quotas.claim("share", context)
    for _ in snapshot.uploads:
        await quotas.claim("upload", context)
    secret, share_id, now = secrets.token_bytes(TOKEN_BYTES), new_id(SHARE_PREFIX), clock.now()
    token = _token(secret)
    expires_at = now + timedelta(days=days)
    row: Row = {
        "schema_version": SCHEMA_VERSION,
        "id": share_id,
        "thread_id": thread_id,
        "title": snapshot.title,
        "items": len(snapshot.items),
        "created_at": now.isoformat(),
        "expires_at": expires_at.timestamp(),
        "public": public,
        "files": files,
        "ttl": int(expires_at.timestamp()),
    }
    keyed = []
    if repeat is not None:
        keyed = [repeat.write({"share_id": share_id, "sealed": _sealed(secret, repeat, share_id)})]
    try:
        await _store(row, _hash(token), snapshot, keyed, context)
    except _KeyUsedError:
        return await share_thread(
            thread_id, context, item_id=item_id, days=days, public=public, files=files, repeat=repeat
        )
    return Share(listed(row), token)


class _KeyUsedError(Exception):
    """Another request with the same key has made its link at the same moment."""


async def _made_before(repeat: RepeatKey, context: RequestContext) -> Share | None:
    """Return the link of an earlier request with this key.

    Raises:
        NotFoundError: it has been revoked.
    """
    made = await repeat.made(context.resources.table)
    if made is None:
        return None
    row = await context.resources.table.get(Key(context.caller.partition, keys.share_sk(made["share_id"])))
    if row is None or not is_visible(row):
        raise NotFoundError("There is no such link.")
    return Share(listed(row), _token(_sealed(made["sealed"], repeat, made["share_id"])))


def _token(secret: bytes) -> str:
    return base64.urlsafe_b64encode(secret).decode().rstrip("=")


def _sealed(secret: bytes, repeat: RepeatKey, share_id: str) -> bytes:
    """Encrypt or decrypt a token with the client's key. The key's hash in the table is not enough for this."""
    pad = hmac.digest(repeat.given.encode(), share_id.encode(), "sha256")
    return bytes(one ^ other for one, other in zip(secret, pad, strict=True))


async def _store(row: Row, hashed: str, snapshot: Snapshot, keyed: list[Write], context: RequestContext) -> None:
    resources, caller = context.resources, context.caller
    thread, share_id = caller.thread(row["thread_id"]), row["id"]
    found, in_list = keys.share_key(hashed), Key(caller.partition, keys.share_sk(share_id))
    object_key = _object_key(caller, row["thread_id"], share_id)
    owner = {"tenant_id": caller.tenant_id, "user_id": caller.user_id}
    copies = keys.share_object_prefix(hashed)
    linked = {
        "schema_version": SCHEMA_VERSION,
        "linked": [list(found), list(in_list)],
        "copies": copies,
        "ttl": row["ttl"],
    }
    note = audit.entry(
        resources,
        "share.created",
        by=caller,
        tenant_id=caller.tenant_id,
        thread_id=row["thread_id"],
        share_id=share_id,
        public=row["public"],
        files=row["files"],
    )
    # The work comes before the objects, so a killed process leaves none.
    expires_at = datetime.fromtimestamp(row["expires_at"], UTC)
    unclaimed = prefix_removal(copies, clock.now())
    await resources.table.transact([object_expiry(object_key, expires_at), unclaimed])
    await _copy({**snapshot.uploads, **snapshot.pictures}, copies, resources)
    content = {"title": snapshot.title, "items": snapshot.items, "shared_at": row["created_at"]}
    await resources.objects.put(object_key, zlib.compress(json.dumps(content, ensure_ascii=False).encode()))
    try:
        await resources.table.transact(
            [
                Write(Key(thread.partition, keys.META_SK), condition=THREAD_EXISTS),
                Write(found, put={**row, **owner}),
                Write(in_list, put={**row, "hash": hashed}),
                Write(Key(thread.partition, keys.linked_sk(share_id)), put=linked),
                Write(unclaimed.key, delete=True),
                prefix_removal(copies, expires_at),
                note.write,
                *keyed,
            ]
        )
    except ConditionFailedError as error:
        await resources.objects.delete_many([object_key])
        await resources.objects.delete_prefix(copies)
        if 0 not in {error.index, *(index for index, _ in error.others)}:
            raise _KeyUsedError from None
        raise ThreadNotFoundError(row["thread_id"]) from None
    note.log()


async def _copy(sources: dict[str, str], copies: str, resources: Resources) -> None:
    """Copy the bytes of files and pictures. The copies belong to the link, and are removed with it."""
    slots = asyncio.Semaphore(PARALLEL_COPIES)

    async def copy(number: str, source: str) -> None:
        async with slots:
            try:
                await resources.objects.copy(source, copies + number)
            except KeyError:
                return  # It was lost before, and the source shows its item without it.

    await asyncio.gather(*(copy(number, source) for number, source in sources.items()))


async def list_shares(context: RequestContext, after: str | None = None) -> tuple[list[Row], str | None]:
    """Return a page of the caller's shares that still work, the newest first, and the `after` of the next page."""
    between = (keys.SHARE_PREFIX, keys.SHARE_END)
    cursor = None if after is None else keys.share_sk(after)
    rows, more = await context.resources.table.query(
        context.caller.partition, after=cursor, between=between, descending=True, limit=PAGE_ROWS
    )
    following = rows[-1]["id"] if more and rows else None
    return [listed(row) for row in rows if is_visible(row)], following


def listed(row: Row) -> Row:
    """Return what an owner reads about a share."""
    shown = {name: value for name, value in row.items() if name not in _NOT_LISTED}
    return {**shown, "expires_at": datetime.fromtimestamp(row["expires_at"], UTC).isoformat()}


async def revoke_share(share_id: str, context: RequestContext) -> None:
    """Revoke a share of the caller: its link shows nothing from now on.

    Raises:
        NotFoundError: there is no such share of the caller.
    """
    resources, caller = context.resources, context.caller
    in_list = Key(caller.partition, keys.share_sk(share_id))
    row = await resources.table.get(in_list)
    if row is None:
        raise NotFoundError("There is no such link.")
    thread = caller.thread(row["thread_id"])
    note = audit.entry(
        resources, "share.revoked", by=caller, tenant_id=caller.tenant_id, thread_id=row["thread_id"], share_id=share_id
    )
    await resources.table.transact(
        [
            Write(keys.share_key(row["hash"]), delete=True),
            Write(in_list, delete=True),
            Write(Key(thread.partition, keys.linked_sk(share_id)), delete=True),
            note.write,
        ]
    )
    note.log()
    # If this fails, the work for the expiry removes the objects. No row names them any more.
    await resources.objects.delete_prefix(keys.share_object_prefix(row["hash"]))
    await resources.objects.delete_many([_object_key(caller, row["thread_id"], share_id)])


async def open_share(token: str, reader: Caller | None, resources: Resources) -> dict[str, Any]:
    """Return the snapshot behind a link for a reader.

    An unknown token, an expired or revoked link and a link of another tenant have the same answer, after the same read.

    Args:
        token: The link's token.
        reader: The caller; None for somebody without a token, who reads public links only.
        resources: The process's table and bucket.

    Raises:
        NotFoundError: this reader cannot read anything with this token.
        QuotaExceededError: the link is opened too often.
    """
    hashed = _hash(token)
    row = await resources.table.get(keys.share_key(hashed))
    if row is None or not is_visible(row) or not _may_read(row, reader, resources):
        raise NotFoundError
    await _count_view(row, resources)
    owner = Caller(row["tenant_id"], row["user_id"])
    meta = await resources.table.get(Key(owner.thread(row["thread_id"]).partition, keys.META_SK))
    try:
        # The shares of a deleted or expired thread end at once, before its rows and objects are removed.
        if not is_visible(meta):
            raise NotFoundError
        body = await resources.objects.get(_object_key(owner, row["thread_id"], row["id"]))
    except KeyError:
        raise NotFoundError from None
    shown = await shown_snapshot(json.loads(zlib.decompress(body)), keys.share_object_prefix(hashed), resources)
    return {**shown, "expires_at": listed(row)["expires_at"]}


def _may_read(row: Row, reader: Caller | None, resources: Resources) -> bool:
    if row["public"] and resources.settings.shares == "public":
        return True
    return reader is not None and not reader.visitor and reader.tenant_id == row["tenant_id"]


async def _count_view(row: Row, resources: Resources) -> None:
    """Count a view. The row of a minute expires an hour later.

    Raises:
        QuotaExceededError: the link has been opened too often in this minute.
    """
    now = clock.now()
    key = Key(row["pk"], keys.share_views_sk(now))
    try:
        await resources.table.update(
            key,
            "SET #ttl = :ttl, schema_version = :version ADD seen :one",
            condition="attribute_not_exists(seen) OR seen < :most",
            names={"#ttl": "ttl"},
            values={
                ":ttl": int((now + timedelta(hours=1)).timestamp()),
                ":version": SCHEMA_VERSION,
                ":one": 1,
                ":most": MAX_VIEWS_PER_MINUTE,
            },
        )
    except ConditionFailedError:
        raise QuotaExceededError(retry_after=60 - now.second) from None


def _hash(token: str) -> str:
    return sha256(token.encode(errors="replace")).hexdigest()


def _object_key(owner: Caller, thread_id: str, share_id: str) -> str:
    return f"{owner.thread(thread_id).object_prefix}{share_id}"
