"""The store of the SDK's tests, under their name for it: ours, on a table of its own for each key."""

from __future__ import annotations

from hashlib import sha256

from assistant.threads.store import ThreadStore
from tests.support.store import make_moto_bucket, make_moto_table, resources_on


class SQLiteStore(ThreadStore):
    """A `ThreadStore` made from one string: the same string is the same table."""

    def __init__(self, db_path: str) -> None:
        self.db_path = db_path
        table = sha256(db_path.encode()).hexdigest()
        make_moto_table(table)
        make_moto_bucket("files")
        super().__init__(resources_on(None, table, "files"))
