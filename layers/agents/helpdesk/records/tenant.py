"""Read a tenant's records. The first read that finds nothing writes the demo data."""

from __future__ import annotations

from assistant.aws import Row, Table
from assistant.aws.keys import app_partition
from helpdesk.records import keys
from helpdesk.records.demo import write_demo_data


class TenantRecords:
    """The records of one tenant. Reading an existing record takes one round trip."""

    def __init__(self, table: Table, tenant_id: str) -> None:
        self._table = table
        self._tenant_id = tenant_id

    async def find(self, kind: keys.Kind, number: int) -> Row | None:
        """Return the row of a record, or None if the tenant has no such record."""
        key = keys.tenant_record(self._tenant_id, kind, number)
        row = await self._table.get(key)
        if row is None:
            # Read again even if this call wrote nothing: another request may have written the data meanwhile.
            await write_demo_data(self._table, self._tenant_id)
            row = await self._table.get(key)
        return row

    async def newest(self, kind: keys.Kind, limit: int) -> list[Row]:
        """Return the rows of a kind, highest number first."""
        await write_demo_data(self._table, self._tenant_id)
        rows, _ = await self._table.query(
            app_partition(self._tenant_id), between=keys.first_and_last(kind), descending=True, limit=limit
        )
        return rows
