"""The check of Lambda's own reports: what cold starts of the function that streams have cost."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from typing import Any

from scripts.smoke_checks.run import Run, Skipped

# The other checks have made calls within this time.
WINDOW_SECONDS = 900
# Each of them is there if the environment has started with it.
STARTS = {"initDurationMs": "init", "restoreDurationMs": "restore"}


async def cold_starts(run: Run) -> str:
    """Read Lambda's REPORT lines of the last minutes: the starts, and the memory in use."""
    if not run.stack_name:
        raise Skipped("name the stack to read Lambda's REPORT lines: STACK=…")
    reports = await asyncio.to_thread(_reports, run.stack_name)
    if not reports:
        raise Skipped("no REPORT line yet: they arrive some seconds later")
    used = max(report["maxMemoryUsedMB"] for report in reports)
    seen = [f"{len(reports)} invocations", f"at most {used} of {reports[0]['memorySizeMB']} MB"]
    for name, label in STARTS.items():
        times = [report[name] for report in reports if report.get(name)]
        if times:
            seen.append(f"{len(times)} {label}s, median {statistics.median(times):.0f} ms")
    return ", ".join(seen)


def _reports(stack: str) -> list[dict[str, Any]]:
    import boto3

    found = boto3.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId="StreamLogGroup")
    group = found["StackResourceDetail"]["PhysicalResourceId"]
    pages = (
        boto3.client("logs")
        .get_paginator("filter_log_events")
        .paginate(
            logGroupName=group, startTime=int((time.time() - WINDOW_SECONDS) * 1000), filterPattern='"platform.report"'
        )
    )
    lines = [json.loads(event["message"]) for page in pages for event in page["events"]]
    return [line["record"]["metrics"] for line in lines if line.get("type") == "platform.report"]
