"""The table's keys as pure functions. All rules for keys are here.

The rows of a thread share one partition. The partition's key contains the tenant, the user and the thread, so a
guessed thread id finds nothing. One backwards Query of a thread's partition returns its newest turn, its metadata and
its newest items, in this order:

    THREAD#tenant#user#thread   ~turn            the newest turn: state, lease, cancel flag, journal
                                ~meta            the thread's metadata
                                I#<place>        an item; places sort by creation
                                B#<turn id>      the record of a turn that has ended
                                A#<item id>      the place of a foreign item id
                                F#<place>        the attachments of a removed message
                                H#<run id>       a run that waits for the user's approval
                                D!, D#<document> how often a document was added to the thread; one of them
                                G#<job>          a job of the thread
                                C#<id>           the keys of rows elsewhere that are removed with the thread

No sort key of a thread is between its items and `~`: such a row would be part of that Query.

    USER#tenant#user            T#<place>        a thread in the user's list
                                A#<thread id>    the place of a foreign thread id in the list
                                F#<attachment>   an attachment
                                D!, D#<document> how often the user added a document; one of them
                                K#<key>          an idempotency key and its turn, or what it has made
                                M!, M#<id>       the memory's switch and version; a fact about the user
                                Q#D<day>         usage on a UTC day
                                Q#live           running turns, times of the last ones, limits in place of the settings
                                W#<place>        the words of the thread at that place
                                V#<visitor>      a visitor whose threads are being taken along
                                S#<share>        a share in the user's list
                                X#export         the user's export

    TENANT#tenant               Q#D<day>, Q#S<day>, Q#minute, each [#s<shard>]: usage of the whole tenant
                                Q#limits         limits of the tenant and its users in place of the settings
                                L#<id>           an entry of the audit trail; ids sort by time
                                P#<id>           a thread that asks for a person, or has one
                                U#<user>         a user with stored data, for an erasure of the tenant
                                D#<document>     a document of the tenant's knowledge
    APP#tenant[#user]           the agents' own records
    AUDIT                       L#<id>           an entry about the whole deployment
    SHARE#<hash>                share            a share, by the hash of its link's token
                                V#<minute>       how often it was opened in that minute
    VISITORS#<address>          Q#<day>          the new visitors of a day, from an address or from all
    CONTROL                     models           whether all paid calls are stopped
                                search           since when the search in one's own threads is on
    SWEEP#<shard>               <due>#<id>       work for the sweep, due at that time

The table of passages is another one. A space is a partition, so a search of one space finds nothing of another:

    KB#tenant                   C#<document>#<generation>#<number>   a passage of the tenant's knowledge
    KB#tenant#@<group>          the same of a group within the tenant
    KB#tenant#user              the same of a user
    KB#tenant#user#thread       the same of a thread

Ids are percent-encoded, so that a separator inside an id cannot lead to another partition.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote
from zlib import crc32

from assistant.errors import InvalidRequestError
from assistant.ids import advance, prefix_time, split_own_id, time_prefix, uuid7

# DynamoDB allows 2,048 bytes in a partition key and 1,024 in a sort key. Three encoded ids of this size fit into one.
MAX_COMPONENT_BYTES = 600
# Enough shards that the erasure of a large tenant does not overload one partition.
SWEEP_SHARDS = 4

# All sort keys are between these two.
FIRST_SK, LAST_SK = "!", "~~"
# All sort keys of a thread are before this one, except those of its metadata and its turn.
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
USAGE_PREFIX = "Q#"
LIVE_SK = "Q#live"
LIMITS_SK = "Q#limits"
# The partition of the records that hold for the whole deployment.
CONTROL_PARTITION = "CONTROL"
MINUTE_USAGE_SK = "Q#minute"
HELD_RUN_PREFIX = "H#"
IDEMPOTENCY_PREFIX = "K#"
IDEMPOTENCY_END = "K$"
# The switch sorts before all facts, so one Query returns both.
MEMORY_SK = "M!"
FACT_PREFIX = "M#"
MEMORY_END = "M$"
WORDS_PREFIX = "W#"
TAKEN_ALONG_PREFIX = "V#"
TAKEN_ALONG_END = "V$"
EXPORT_SK = "X#export"
MEMBER_PREFIX = "U#"
MEMBER_END = "U$"
WAITING_PREFIX = "P#"
WAITING_END = "P$"
SHARE_PREFIX = "S#"
SHARE_END = "S$"
AUDIT_PREFIX = "L#"
AUDIT_END = "L$"
# It sorts before all documents, so one Query returns both.
DOCUMENTS_SK = "D!"
DOCUMENT_PREFIX = "D#"
DOCUMENT_END = "D$"
PASSAGE_PREFIX = "C#"
# An encoded id contains no `@`, so no tenant and no user has the name of a group, or of a folder of other objects.
_NO_USER = "@"


class Key(NamedTuple):
    """A primary key of the table."""

    pk: str
    sk: str


def checked_component(value: str, what: str) -> str:
    """Return an id in the form that keys contain.

    Raises:
        ValueError: the id is empty, contains a NUL or a lone surrogate, or is too long for a key.
    """
    if not value:
        raise ValueError(f"The {what} id is empty.")
    if "\x00" in value:
        raise ValueError(f"The {what} id contains a NUL.")
    try:
        encoded = quote(value, safe="")
    except UnicodeEncodeError:
        raise ValueError(f"The {what} id is not valid Unicode.") from None
    if len(encoded) > MAX_COMPONENT_BYTES:
        raise ValueError(f"The {what} id is too long.")
    # HTTP clients remove the path segments `.` and `..` from a URL. No other id is encoded to these forms.
    return encoded.replace(".", "%2E") if encoded in {".", ".."} else encoded


def _component(value: str, what: str) -> str:
    try:
        return checked_component(value, what)
    except ValueError as error:
        raise InvalidRequestError(str(error)) from None


class ThreadRef(NamedTuple):
    """The address of a thread's rows and objects: its tenant, its user and its id.

    All properties, and all functions of this module, raise `InvalidRequestError` if an id cannot be part of a key.
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
        """The bucket prefix of the thread's items that are too large for the table."""
        return f"items/{self._encoded('/')}/"

    def _encoded(self, separator: str) -> str:
        names = zip(self, ("tenant", "user", "thread"), strict=True)
        return separator.join(_component(value, what) for value, what in names)


class Space(NamedTuple):
    """Whose knowledge: a tenant's, a group's within the tenant, a user's, or a thread's.

    The properties raise `InvalidRequestError` if an id cannot be part of a key.
    """

    tenant_id: str
    user_id: str | None = None
    thread_id: str | None = None
    group: str | None = None

    @property
    def partition(self) -> str:
        """The partition of the space's documents in the main table. A group's are among the tenant's."""
        if self.user_id is None:
            return tenant_partition(self.tenant_id)
        if self.thread_id is None:
            return user_partition(self.tenant_id, self.user_id)
        return ThreadRef(self.tenant_id, self.user_id, self.thread_id).partition

    @property
    def passages(self) -> str:
        """The partition of the space's passages in the table of passages."""
        names = [_component(self.tenant_id, "tenant")]
        if self.group is not None:
            names.append(_NO_USER + _component(self.group, "group"))
        elif self.user_id is not None:
            names.append(_component(self.user_id, "user"))
            if self.thread_id is not None:
                names.append(_component(self.thread_id, "thread"))
        return "#".join(["KB", *names])

    @property
    def object_prefix(self) -> str:
        """The bucket prefix of the space's documents. The malware scan and the erasures cover it."""
        if self.user_id is None:
            return f"attachments/{_component(self.tenant_id, 'tenant')}/{_NO_USER}/"
        return attachment_prefix(self.tenant_id, self.user_id)

    def document(self, document_id: str) -> Key:
        """Return the key of a document's row."""
        return Key(self.partition, f"{DOCUMENT_PREFIX}{_component(document_id, 'document')}")


def passage_sk(document_id: str, generation: str, number: int) -> str:
    """Return the sort key of a passage. The passages of a generation are in their order."""
    return f"{passage_prefix(document_id, generation)}{number:05}"


def passage_prefix(document_id: str, generation: str | None = None) -> str:
    """Return the start of the sort keys of a document's passages, or of those of one generation."""
    document = f"{PASSAGE_PREFIX}{_component(document_id, 'document')}#"
    return document if generation is None else f"{document}{generation}#"


def user_partition(tenant_id: str, user_id: str) -> str:
    """Return the partition of a user's rows that belong to no thread."""
    return f"USER#{_component(tenant_id, 'tenant')}#{_component(user_id, 'user')}"


def tenant_partition(tenant_id: str) -> str:
    """Return the partition of the rows that belong to a whole tenant."""
    return f"TENANT#{_component(tenant_id, 'tenant')}"


def member_key(tenant_id: str, user_id: str) -> Key:
    """Return the key of the row by which an erasure of the tenant finds a user."""
    return Key(tenant_partition(tenant_id), f"{MEMBER_PREFIX}{_component(user_id, 'user')}")


def audit_partition(tenant_id: str | None) -> str:
    """Return the partition of a tenant's audit trail, or of the deployment's."""
    return "AUDIT" if tenant_id is None else tenant_partition(tenant_id)


def audit_sk(entry_id: str) -> str:
    """Return the sort key of an entry of the audit trail."""
    return f"{AUDIT_PREFIX}{_component(entry_id, 'entry')}"


def app_partition(tenant_id: str, user_id: str | None = None) -> str:
    """Return the partition of the agents' own records, of one user or of the whole tenant."""
    tenant = f"APP#{_component(tenant_id, 'tenant')}"
    return tenant if user_id is None else f"{tenant}#{_component(user_id, 'user')}"


def own_place(value: str) -> str | None:
    """Return the place in an id of this project, or None for a foreign id."""
    parts = split_own_id(value)
    return None if parts is None else f"{parts[1]}#{parts[0]}"


def new_place(created_at: datetime) -> str:
    """Return a place for a foreign id: by creation, then by insertion."""
    return f"{time_prefix(created_at)}-{uuid7()}"


def item_sk(place: str) -> str:
    """Return the sort key of the item at that place."""
    return ITEM_PREFIX + place


def advance_ids(sk: str | None) -> None:
    """Make every later id of this process sort after the item at this sort key; ignore a place of a foreign id."""
    place = (sk or "").removeprefix(ITEM_PREFIX)
    if own_place("_".join(reversed(place.split("#", 1)))) == place:
        advance(place[:32])


def after(sk: str) -> str:
    """Return the first possible sort key after this one."""
    return f"{sk}\x00"


def new_item_sk() -> str:
    """Return a sort key after all items whose ids this process has made or seen."""
    return item_sk(f"{uuid7()}#end")


def thread_list_sk(place: str) -> str:
    """Return the sort key of the thread at that place in its user's list."""
    return THREAD_LIST_PREFIX + place


def words_sk(place: str) -> str:
    """Return the sort key of the words of the thread at that place in its user's list."""
    return WORDS_PREFIX + place


def alias_sk(foreign_id: str) -> str:
    """Return the sort key of the row that holds the place of a foreign id."""
    return f"A#{_component(foreign_id, 'item')}"


def attachment_sk(attachment_id: str) -> str:
    """Return the sort key of an attachment in its user's partition."""
    return f"{ATTACHMENT_PREFIX}{_component(attachment_id, 'attachment')}"


def orphans_sk(place: str) -> str:
    """Return the sort key of the row that lists the attachments of a removed message."""
    return f"F#{place}"


def idempotency_sk(key: str) -> str:
    """Return the sort key of an idempotency key in its user's partition."""
    return f"{IDEMPOTENCY_PREFIX}{_component(key, 'idempotency')}"


def fact_sk(fact_id: str) -> str:
    """Return the sort key of a fact in its user's partition."""
    return f"{FACT_PREFIX}{_component(fact_id, 'fact')}"


def share_key(hashed: str) -> Key:
    """Return the key of the share whose link's token has this hash."""
    return Key(f"SHARE#{hashed}", "share")


def share_object_prefix(hashed: str) -> str:
    """Return the bucket prefix of the copies of a share's files. Their URLs name no tenant, no user and no thread."""
    return f"items/{_NO_USER}shares/{hashed}/"


def share_views_sk(moment: datetime) -> str:
    """Return the sort key of the number of a share's views in that minute."""
    return f"V#{moment:%Y-%m-%dT%H:%M}"


def job_sk(job_id: str) -> str:
    """Return the sort key of a job in its thread's partition."""
    return f"G#{_component(job_id, 'job')}"


def waiting_sk(waiting: str) -> str:
    """Return the sort key of a thread in the queue of its tenant."""
    return f"{WAITING_PREFIX}{_component(waiting, 'waiting')}"


def linked_sk(linked_id: str) -> str:
    """Return the sort key of the row in a thread's partition that names rows elsewhere, such as those of a share."""
    return f"C#{_component(linked_id, 'linked')}"


def share_sk(share_id: str) -> str:
    """Return the sort key of a share in its owner's partition."""
    return f"{SHARE_PREFIX}{_component(share_id, 'share')}"


def taken_along_sk(visitor_id: str) -> str:
    """Return the sort key of the row about a visitor whose threads are being taken along, in the user's partition."""
    return f"{TAKEN_ALONG_PREFIX}{_component(visitor_id, 'visitor')}"


def threads_until(moment: datetime) -> str:
    """Return the sort key in a user's list after all threads that exist at that time."""
    return f"{THREAD_LIST_PREFIX}{time_prefix(moment)}~"


def story_sk(turn_id: str) -> str:
    """Return the sort key of an ended turn in its thread's partition."""
    return f"B#{turn_id}"


def held_run_sk(run_id: str) -> str:
    """Return the sort key of a run that waits for the user's approval, in its thread's partition."""
    return f"{HELD_RUN_PREFIX}{_component(run_id, 'run')}"


def day_usage_sk(moment: datetime) -> str:
    """Return the sort key of the usage on that UTC day."""
    return f"Q#D{moment:%Y-%m-%d}"


def day_spend_sk(moment: datetime) -> str:
    """Return the sort key of a tenant's money on that UTC day."""
    return f"Q#S{moment:%Y-%m-%d}"


def usage_shard_sk(usage_sk: str, shard: int) -> str:
    """Return the sort key of a shard of that usage. Shard 0 has the key of the usage itself."""
    sk = usage_sk.partition("#s")[0]
    return f"{sk}#s{shard:02}" if shard else sk


def usage_shards_end(usage_sk: str) -> str:
    """Return the sort key after all shards of that usage."""
    return usage_shard_sk(usage_sk, 0) + "#t"


def sweep_key(due: datetime, partition: str, kind: str) -> Key:
    """Return the key of work on a partition that is due at that time. Equal work has the same key."""
    shard = crc32(partition.encode()) % SWEEP_SHARDS
    digest = sha256(partition.encode()).hexdigest()[:32]
    return Key(f"SWEEP#{shard}", f"{time_prefix(due)}#{kind}#{digest}")


def put_off_sk(sk: str, due: datetime) -> str:
    """Return the sort key of the same work with another due time."""
    return f"{time_prefix(due)}#{sk.partition('#')[2]}"


def sweep_due(sk: str) -> datetime:
    """Return the time at which the work with this sort key is due."""
    return prefix_time(sk.partition("#")[0])


def sweep_partitions() -> list[str]:
    """Return the partitions of the sweep's work."""
    return [f"SWEEP#{shard}" for shard in range(SWEEP_SHARDS)]


def sweep_bound(moment: datetime) -> str:
    """Return the sort key after all work that is due at that time."""
    return f"{time_prefix(moment)}~"


def visitors_partition(address_id: str) -> str:
    """Return the partition of the counters of new visitors from an address."""
    return f"VISITORS#{_component(address_id, 'address')}"


def attachment_prefix(tenant_id: str, user_id: str) -> str:
    """Return the bucket prefix of a user's attachments."""
    return f"attachments/{_component(tenant_id, 'tenant')}/{_component(user_id, 'user')}/"


def export_prefix(tenant_id: str, user_id: str, export_id: str) -> str:
    """Return the bucket prefix of an export's documents."""
    return f"exports/{_component(tenant_id, 'tenant')}/{_component(user_id, 'user')}/{export_id}/"


def owner_object_prefixes(tenant_id: str, user_id: str | None = None) -> list[str]:
    """Return the bucket prefixes of all objects of a user, or of a whole tenant."""
    owner = f"{_component(tenant_id, 'tenant')}/" + ("" if user_id is None else f"{_component(user_id, 'user')}/")
    return [f"{kind}/{owner}" for kind in ("attachments", "items", "exports")]
