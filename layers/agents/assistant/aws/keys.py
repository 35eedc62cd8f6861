"""The table's keys as pure functions: every rule of a key is here.

Rows of a thread share one partition, whose key holds tenant, user and thread; so a guessed id reaches
nothing. Read backwards, a thread's partition gives its newest turn, its metadata and its newest items, in
this order, in one Query:

    THREAD#tenant#user#thread   ~turn            the newest turn: state, lease, cancel flag, journal
                                ~meta            the thread's metadata
                                I#<place>        an item; places sort by creation
                                B#<turn id>      the story of a turn that has ended
                                A#<item id>      where a foreign item id stands
                                F#<place>        the attachments of a message that was removed
                                H#<run id>       a run that waits for the user's approval

    USER#tenant#user            T#<place>        a thread in the user's list
                                A#<thread id>    where a foreign thread id stands in the list
                                F#<attachment>   an attachment
                                K#<key>          an idempotency key and its turn
                                Q#<period>       usage in a minute or a day

    TENANT#tenant               Q#<period>       the same for the whole tenant
    APP#tenant[#user]           the agents' own records
    SWEEP#<shard>               <due>#<id>       work that must be finished after that time

Ids are percent-encoded, so that a separator inside an id cannot reach another partition.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote
from zlib import crc32

from assistant.errors import InvalidRequestError
from assistant.ids import split_own_id, time_prefix, uuid7

# A partition key may have 2,048 bytes and a sort key 1,024; three ids of this size, encoded, fit into one.
MAX_COMPONENT_BYTES = 600
# Enough to keep a nightly erasure of a large tenant from heating one partition.
SWEEP_SHARDS = 4

# All sort keys lie between these two.
FIRST_SK, LAST_SK = "!", "~~"
# All of a thread's lie before this one, but those of its metadata and its turn.
HEAD_SK = "~"
META_SK = "~meta"
TURN_SK = "~turn"
ITEM_PREFIX = "I#"
# The first sort key after all items.
ITEM_END = "I$"
THREAD_LIST_PREFIX = "T#"
THREAD_LIST_END = "T$"
ATTACHMENT_PREFIX = "F#"
ATTACHMENT_END = "F$"
MINUTE_USAGE_PREFIX = "Q#M"


class Key(NamedTuple):
    """A primary key of the table."""

    pk: str
    sk: str


def checked_component(value: str, what: str) -> str:
    """Return an id in the form in which it stands inside a key.

    Raises:
        ValueError: the id is empty, holds a NUL or a lone surrogate, or is too long to be part of a key.
    """
    if not value:
        raise ValueError(f"The {what} id is empty.")
    if "\x00" in value:
        raise ValueError(f"The {what} id holds a NUL.")
    try:
        encoded = quote(value, safe="")
    except UnicodeEncodeError:
        raise ValueError(f"The {what} id is not valid Unicode.") from None
    if len(encoded) > MAX_COMPONENT_BYTES:
        raise ValueError(f"The {what} id is too long.")
    # As a folder of the bucket these two would be taken out of a URL by its client. No other id is encoded so.
    return encoded.replace(".", "%2E") if encoded in {".", ".."} else encoded


def _component(value: str, what: str) -> str:
    try:
        return checked_component(value, what)
    except ValueError as error:
        raise InvalidRequestError(str(error)) from None


class ThreadRef(NamedTuple):
    """Where a thread's rows and objects are: its tenant, its user and its id.

    All properties raise `InvalidRequestError` when an id cannot be part of a key. So do all functions here.
    """

    tenant_id: str
    user_id: str
    thread_id: str

    @property
    def partition(self) -> str:
        """The partition of the thread's rows."""
        return f"THREAD#{self._encoded('#')}"

    @property
    def turn_key(self) -> Key:
        """The key of the thread's newest turn."""
        return Key(self.partition, TURN_SK)

    @property
    def object_prefix(self) -> str:
        """The prefix of the thread's items that are too large for the table."""
        return f"items/{self._encoded('/')}/"

    def _encoded(self, separator: str) -> str:
        names = zip(self, ("tenant", "user", "thread"), strict=True)
        return separator.join(_component(value, what) for value, what in names)


def user_partition(tenant_id: str, user_id: str) -> str:
    """Return the partition of what belongs to a user and to no thread."""
    return f"USER#{_component(tenant_id, 'tenant')}#{_component(user_id, 'user')}"


def tenant_partition(tenant_id: str) -> str:
    """Return the partition of what belongs to a tenant as a whole."""
    return f"TENANT#{_component(tenant_id, 'tenant')}"


def app_partition(tenant_id: str, user_id: str | None = None) -> str:
    """Return the partition of the agents' own records, of one user or of the whole tenant."""
    tenant = f"APP#{_component(tenant_id, 'tenant')}"
    return tenant if user_id is None else f"{tenant}#{_component(user_id, 'user')}"


def own_place(value: str) -> str | None:
    """Return the place that an id of ours carries in itself, or None for a foreign id."""
    parts = split_own_id(value)
    return None if parts is None else f"{parts[1]}#{parts[0]}"


def new_place(created_at: datetime) -> str:
    """Return a place for a foreign id: by creation, and among equals by insertion."""
    return f"{time_prefix(created_at)}-{uuid7()}"


def item_sk(place: str) -> str:
    """Return the sort key of the item at that place."""
    return ITEM_PREFIX + place


def thread_list_sk(place: str) -> str:
    """Return the sort key of the thread at that place in its user's list."""
    return THREAD_LIST_PREFIX + place


def alias_sk(foreign_id: str) -> str:
    """Return the sort key of the row that knows where a foreign id stands."""
    return f"A#{_component(foreign_id, 'item')}"


def attachment_sk(attachment_id: str) -> str:
    """Return the sort key of an attachment in its user's partition."""
    return f"{ATTACHMENT_PREFIX}{_component(attachment_id, 'attachment')}"


def orphans_sk(place: str) -> str:
    """Return the sort key of the attachments that a removed message at that place has left in its thread."""
    return f"F#{place}"


def idempotency_sk(key: str) -> str:
    """Return the sort key of an idempotency key in its user's partition."""
    return f"K#{_component(key, 'idempotency')}"


def story_sk(turn_id: str) -> str:
    """Return the sort key of an ended turn in its thread's partition."""
    return f"B#{turn_id}"


def held_run_sk(run_id: str) -> str:
    """Return the sort key of a run that waits for the user's approval, in its thread's partition."""
    return f"H#{_component(run_id, 'run')}"


def minute_usage_sk(moment: datetime) -> str:
    """Return the sort key of the usage in that UTC minute."""
    return f"{MINUTE_USAGE_PREFIX}{moment:%Y-%m-%dT%H:%M}"


def day_usage_sk(moment: datetime) -> str:
    """Return the sort key of the usage on that UTC day."""
    return f"Q#D{moment:%Y-%m-%d}"


def sweep_key(due: datetime, partition: str, kind: str) -> Key:
    """Return the key of work on a partition that is due at that time. The same work has the same key."""
    shard = crc32(partition.encode()) % SWEEP_SHARDS
    digest = sha256(partition.encode()).hexdigest()[:32]
    return Key(f"SWEEP#{shard}", f"{time_prefix(due)}#{kind}#{digest}")


def sweep_partitions() -> list[str]:
    """Return the partitions that hold the sweep's work."""
    return [f"SWEEP#{shard}" for shard in range(SWEEP_SHARDS)]


def sweep_bound(moment: datetime) -> str:
    """Return the sort key behind all work that is due at that time."""
    return f"{time_prefix(moment)}~"


def attachment_prefix(tenant_id: str, user_id: str) -> str:
    """Return the prefix of a user's attachments in the bucket."""
    return f"attachments/{_component(tenant_id, 'tenant')}/{_component(user_id, 'user')}/"


def owner_object_prefixes(tenant_id: str, user_id: str) -> tuple[str, str]:
    """Return the prefixes of everything in the bucket that is a user's."""
    owner = f"{_component(tenant_id, 'tenant')}/{_component(user_id, 'user')}/"
    return f"attachments/{owner}", f"items/{owner}"
