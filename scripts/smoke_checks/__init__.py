"""The checks of `make smoke`, in order. Each check returns what it saw, or raises.

To add one, write a function beside those of its noun and list it in `CHECKS`.
"""

from __future__ import annotations

from scripts.smoke_checks import files, front_door, jobs, knowledge, own, reports, requests, threads, turns
from scripts.smoke_checks.run import Check

CHECKS: tuple[tuple[str, Check], ...] = (
    ("certificate", front_door.certificate),
    ("health", requests.health),
    ("no token", requests.no_token),
    ("bad token", requests.bad_token),
    ("CORS", requests.cors),
    ("empty bodies", requests.empty_bodies),
    ("raw path", requests.raw_path),
    ("only way in", front_door.only_way_in),
    ("web ACL", front_door.web_acl),
    ("nothing cached", front_door.nothing_cached),
    ("plain call", turns.plain_call),
    ("first turn", turns.first_turn),
    ("memory", turns.second_turn),
    ("streaming", turns.streaming),
    ("end of stream", turns.end_of_stream),
    ("items", threads.items),
    ("facts", own.facts),
    ("search", own.search),
    ("fork", own.fork),
    ("share", own.share),
    ("direct upload", files.direct_upload),
    ("two-phase upload", files.two_phase_upload),
    ("knowledge", knowledge.own_document),
    ("jobs", jobs.long_work),
    ("stop", turns.cancelling),
    ("same request", turns.joining),
    ("client leaves", turns.leaving),
    ("model fails", turns.failing),
    ("unknown thread", threads.someone_elses),
    ("delete", threads.deleting),
    ("cold starts", reports.cold_starts),
)
