"""Maintenance of a deployment: the sweep, the export and erasure of users and tenants, threads that are taken along."""

from assistant.upkeep.exports import export_state, make_export, request_export
from assistant.upkeep.privacy import (
    account_data,
    document_original,
    document_rows,
    erase,
    file_ids,
    request_erasure,
    thread_data,
    thread_ids,
)
from assistant.upkeep.sweep import sweep
from assistant.upkeep.tenants import erase_tenant, note_member, request_tenant_erasure, tenant_erasure
from assistant.upkeep.usage_of_tenants import Used, period, tenant_usage
from assistant.upkeep.visitors import count_taken_along, left_to_take_along, request_take_along, take_along

__all__ = [
    "Used",
    "account_data",
    "count_taken_along",
    "document_original",
    "document_rows",
    "erase",
    "erase_tenant",
    "export_state",
    "file_ids",
    "left_to_take_along",
    "make_export",
    "note_member",
    "period",
    "request_erasure",
    "request_export",
    "request_take_along",
    "request_tenant_erasure",
    "sweep",
    "take_along",
    "tenant_erasure",
    "tenant_usage",
    "thread_data",
    "thread_ids",
]
