"""`make cost`: print the cost of a million turns on AWS, and of four alternatives.

It multiplies the results of the benchmarks (`make bench`: capacity units, round trips, CPU, memory) by AWS's prices.
The model's price is not included. It is the same for all alternatives, and usually higher than all costs together.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scripts.arguments import Parser

RESULTS = Path(__file__).resolve().parent.parent / "bench-results"
MILLION = 1_000_000
GB = 1_000_000_000

# AWS's list prices in US dollars, us-east-1, without free tiers and discounts, read in November 2026.
PRICES_READ = "November 2026, us-east-1"
# https://aws.amazon.com/lambda/pricing/
LAMBDA_REQUEST = 0.20 / MILLION
LAMBDA_ARM_GB_SECOND = 0.0000133334
LAMBDA_STREAMED_GB = 0.008
LAMBDA_STREAMED_FREE_BYTES = 6 * 1024 * 1024
# https://aws.amazon.com/lambda/pricing/#Lambda_Managed_Instances and https://aws.amazon.com/ec2/pricing/on-demand/:
# an instance m7g.large with two vCPUs and 8 GB, and Lambda's fee on top, both as public listings quote these pages.
INSTANCE_HOUR = 0.0816
INSTANCE_FEE = 0.15
# https://aws.amazon.com/dynamodb/pricing/on-demand/
DYNAMODB_WRITE_UNIT = 0.625 / MILLION
DYNAMODB_READ_UNIT = 0.125 / MILLION
DYNAMODB_GB_MONTH = 0.25
DYNAMODB_BACKUP_GB_MONTH = 0.20
# https://aws.amazon.com/api-gateway/pricing/
HTTP_API_REQUEST = 1.00 / MILLION
REST_API_REQUEST = 3.50 / MILLION
REST_API_STREAMED_STEP_BYTES = 10 * 1024 * 1024
WEBSOCKET_MESSAGE = 1.00 / MILLION
WEBSOCKET_MINUTE = 0.25 / MILLION
# https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer
EGRESS_GB = 0.09
# https://aws.amazon.com/cloudwatch/pricing/ and https://aws.amazon.com/xray/pricing/
LOG_GB = 0.50
TRACE = 5.00 / MILLION
# https://aws.amazon.com/fargate/pricing/ (Linux on Arm) and https://aws.amazon.com/elasticloadbalancing/pricing/
FARGATE_VCPU_HOUR = 0.03238
FARGATE_GB_HOUR = 0.00356
LOAD_BALANCER_HOUR = 0.0225
LOAD_BALANCER_UNIT_HOUR = 0.008
# One capacity unit of the load balancer is 1 GB per hour or 3,000 connections per minute.
LOAD_BALANCER_UNIT_BYTES = GB
HOURS_A_MONTH = 730
# DynamoDB answers in single-digit milliseconds: https://aws.amazon.com/dynamodb/features/
ROUND_TRIP_SECONDS = 0.005

# The compared container has one vCPU. There are as many as the busiest hour needs for CPU or memory, and at least two,
# in case one fails.
CONTAINER_GB = 2.0
CONTAINER_LEAST = 2
CONTAINER_BUSY_SHARE = 0.6
PEAK_TO_MEAN = 5.0
# The turns at once of a process, which has one core, as `MAX_TURNS_PER_PROCESS` allows: half of the core stays free
# (benchmarks/served.py).
TURNS_A_CORE = 50
# Managed Instances start three instances, in three zones. A function's `PerExecutionEnvironmentMaxConcurrency` is 16
# for each vCPU if it is not set: https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-scaling.html
INSTANCES_LEAST = 3
INSTANCE_VCPUS = 2


@dataclass(frozen=True)
class Usage:
    """A turn, and what goes with it. Numbers that the benchmarks measure are theirs of November 2026.

    Attributes:
        seconds: How long an answer is written. A function waits, and is paid, for all of it.
        memory_gb: Of `stream` and `chat`.
        deltas: Pieces of an answer.
        event_bytes: Of a piece, with its frame.
        round_trips: Of a turn, to the table, one after the other.
        write_units: Capacity units of a turn's transactions.
        read_units: Capacity units of a turn's reads.
        checkpoints: Further writes in each second of an answer, each of a unit or two.
        looks: Further reads in it.
        cpu_ms: CPU of a turn, without its pieces.
        delta_cpu_us: CPU of a piece.
        process_mb: Memory of a process that has everything loaded.
        turn_mb: Memory that a turn adds to it while it runs.
        reads: Operations that read, for each turn: a list, a thread that is opened.
        read_seconds: How long one takes, beside its round trips.
        read_round_trips: Of one.
        read_operation_units: Its capacity units.
        read_bytes: Its answer.
        stored_bytes: What a turn leaves in the table.
        log_bytes: What it leaves in the logs.
        traced: The share of invocations that X-Ray samples.
        session_minutes: How long a WebSocket stays open for each turn.
    """

    seconds: float = 6.0
    memory_gb: float = 1.0
    deltas: int = 200
    event_bytes: int = 260
    round_trips: float = 2.0
    write_units: float = 20.0
    read_units: float = 9.0
    checkpoints: float = 0.47
    looks: float = 0.47
    cpu_ms: float = 14.8
    delta_cpu_us: float = 65.2
    process_mb: float = 170.0
    turn_mb: float = 0.1
    reads: float = 1.5
    read_seconds: float = 0.045
    read_round_trips: float = 1.0
    read_operation_units: float = 6.0
    read_bytes: int = 20_000
    stored_bytes: int = 6_000
    log_bytes: int = 4_400
    traced: float = 0.05
    session_minutes: float = 2.0

    @property
    def streamed_bytes(self) -> int:
        """The number for one answer."""
        return self.deltas * self.event_bytes

    @property
    def cpu_seconds(self) -> float:
        """The number for one whole turn."""
        return (self.cpu_ms + self.deltas * self.delta_cpu_us / 1000) / 1000


CHECKPOINT_UNITS = 1.5
LOOK_UNITS = 1.0

# The names of these numbers in the results of the turns' benchmark.
_TURN_FIELDS = {
    "CPU of a turn of one delta, ms": "cpu_ms",
    "CPU of a delta, µs": "delta_cpu_us",
    "memory of the process, MB": "process_mb",
    "memory of a turn that runs, MB": "turn_mb",
}

Costs = dict[str, float]


def measured(folder: Path, usage: Usage) -> Usage:
    """Return the usage, with the benchmark results in a folder instead of the recorded numbers."""
    changes: dict[str, float] = {}
    store = _rows(folder / "store.json")
    for row in store:
        if row["subject"] == "ours" and row["operation"] == "turn in a thread of 50 items":
            changes |= {"write_units": row["WCU"], "read_units": row["RCU"], "round_trips": row["hops"]}
        if row["subject"] == "ours" and row["operation"] == "items.list of 50 items":
            changes |= {"read_operation_units": row["RCU"], "read_round_trips": row["hops"]}
    turns = {row["what"]: row["surviving"] for row in _rows(folder / "turns.json")}
    changes |= {name: turns[what] for what, name in _TURN_FIELDS.items() if what in turns}
    for what, written in turns.items():
        # The benchmark counts a very short answer and a long one.
        if long := re.fullmatch(r"writes of an answer of ([\d.]+) s", what):
            seconds = float(long[1])
            read = turns[f"reads of an answer of {long[1]} s"] - turns["reads of a short answer"]
            changes |= {"checkpoints": (written - turns["writes of a short answer"]) / seconds, "looks": read / seconds}
    return replace(usage, **changes)  # type: ignore[arg-type]  # the names are fields of it


def _rows(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    rows: list[dict[str, Any]] = json.loads(path.read_text())["rows"]
    return rows


def _data(usage: Usage, turns: int) -> Costs:
    """Return the costs that all alternatives share: the table, the network, logs and traces."""
    writes = usage.write_units + usage.seconds * usage.checkpoints * CHECKPOINT_UNITS
    reads = usage.read_units + usage.seconds * usage.looks * LOOK_UNITS + usage.reads * usage.read_operation_units
    stored = turns * usage.stored_bytes / GB
    sent = turns * (usage.streamed_bytes + usage.reads * usage.read_bytes) / GB
    return {
        "DynamoDB writes": turns * writes * DYNAMODB_WRITE_UNIT,
        "DynamoDB reads": turns * reads * DYNAMODB_READ_UNIT,
        "DynamoDB storage, per month": stored * (DYNAMODB_GB_MONTH + DYNAMODB_BACKUP_GB_MONTH),
        "network out": sent * EGRESS_GB,
        "logs and traces": turns * (usage.log_bytes / GB * LOG_GB + (1 + usage.reads) * usage.traced * TRACE),
    }


def _lambda(usage: Usage, turns: int) -> Costs:
    operations = 1 + usage.reads
    waited = (usage.round_trips + usage.reads * usage.read_round_trips) * ROUND_TRIP_SECONDS
    seconds = usage.seconds + usage.reads * usage.read_seconds + waited
    charged = max(0, usage.streamed_bytes - LAMBDA_STREAMED_FREE_BYTES) / GB
    return {
        "Lambda requests": turns * operations * LAMBDA_REQUEST,
        "Lambda time": turns * seconds * usage.memory_gb * LAMBDA_ARM_GB_SECOND,
        "Lambda streaming": turns * charged * LAMBDA_STREAMED_GB,
    }


def function_url(usage: Usage, turns: int) -> Costs:
    """Return the costs of this project: turns through the function URL, reads through the HTTP API."""
    return {"front door": turns * usage.reads * HTTP_API_REQUEST, **_lambda(usage, turns), **_data(usage, turns)}


def rest_api(usage: Usage, turns: int) -> Costs:
    """Return the costs behind a streaming REST API. Each 10 MB of an answer count as a request."""
    requests = math.ceil(max(1, usage.streamed_bytes) / REST_API_STREAMED_STEP_BYTES) + usage.reads
    return {"front door": turns * requests * REST_API_REQUEST, **_lambda(usage, turns), **_data(usage, turns)}


def websocket_api(usage: Usage, turns: int) -> Costs:
    """Return the costs behind a WebSocket API. Each delta, question and read is a message."""
    messages = usage.deltas + 1 + 2 * usage.reads
    door = turns * (messages * WEBSOCKET_MESSAGE + usage.session_minutes * WEBSOCKET_MINUTE)
    return {"front door": door, **_lambda(usage, turns), **_data(usage, turns)}


def container(usage: Usage, turns: int) -> Costs:
    """Return the costs of containers behind a load balancer, with the turns spread over a month."""
    peak = turns / (HOURS_A_MONTH * 3600) * PEAK_TO_MEAN
    by_cpu = math.ceil(peak * usage.cpu_seconds / CONTAINER_BUSY_SHARE)
    room = (CONTAINER_GB * 1000 - usage.process_mb) * CONTAINER_BUSY_SHARE
    by_memory = math.ceil(peak * usage.seconds * usage.turn_mb / room)
    by_turns = math.ceil(peak * usage.seconds / TURNS_A_CORE)
    count = max(CONTAINER_LEAST, by_cpu, by_memory, by_turns)
    compute = count * HOURS_A_MONTH * (FARGATE_VCPU_HOUR + CONTAINER_GB * FARGATE_GB_HOUR)
    sent = turns * (usage.streamed_bytes + usage.reads * usage.read_bytes)
    units = max(1.0, sent / HOURS_A_MONTH / LOAD_BALANCER_UNIT_BYTES)
    balancer = HOURS_A_MONTH * (LOAD_BALANCER_HOUR + units * LOAD_BALANCER_UNIT_HOUR)
    return {"front door": balancer, f"{count} containers": compute, **_data(usage, turns)}


def managed_instances(usage: Usage, turns: int) -> Costs:
    """Return the costs of Lambda Managed Instances: EC2 by the hour, several turns at once in one process."""
    peak = turns / (HOURS_A_MONTH * 3600) * PEAK_TO_MEAN
    by_cpu = math.ceil(peak * usage.cpu_seconds / INSTANCE_VCPUS / CONTAINER_BUSY_SHARE)
    by_turns = math.ceil(peak * usage.seconds / INSTANCE_VCPUS / TURNS_A_CORE)
    count = max(INSTANCES_LEAST, by_cpu, by_turns)
    compute = count * HOURS_A_MONTH * INSTANCE_HOUR * (1 + INSTANCE_FEE)
    on_demand = {name: price for name, price in _lambda(usage, turns).items() if name != "Lambda time"}
    door = turns * usage.reads * HTTP_API_REQUEST
    return {"front door": door, **on_demand, f"{count} instances": compute, **_data(usage, turns)}


WAYS = {
    "function URL": function_url,
    "REST API": rest_api,
    "WebSocket API": websocket_api,
    "Managed Instances": managed_instances,
    "containers": container,
}


def table(usage: Usage, turns: int) -> str:
    """Return the comparison as a table in Markdown, in US dollars."""
    costs: Mapping[str, Costs] = {name: way(usage, turns) for name, way in WAYS.items()}
    items = list(dict.fromkeys(item for each in costs.values() for item in each))
    lines = [f"| {turns:,} turns, $ | " + " | ".join(costs) + " |", "|---" + "|---:" * len(costs) + "|"]
    for item in items:
        cells = [f"{each[item]:,.2f}" if item in each else "" for each in costs.values()]
        lines.append(f"| {item} | " + " | ".join(cells) + " |")
    lines.append("| **total** | " + " | ".join(f"**{sum(each.values()):,.2f}**" for each in costs.values()) + " |")
    return "\n".join(lines)


def amount(text: str) -> float:
    """Return an argument as a number above 0.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"it is a number above 0, not {text!r}")
    return value


def main() -> None:
    """Print the table."""
    parser = Parser(description=__doc__)
    parser.add_argument("--turns", type=lambda text: int(amount(text)), default=MILLION)
    parser.add_argument("--seconds", type=amount, default=Usage.seconds, help="how long an answer is written")
    parser.add_argument("--memory", type=amount, default=Usage.memory_gb, help="of the functions, in GB")
    parser.add_argument(
        "--deltas", type=lambda text: int(amount(text)), default=Usage.deltas, help="pieces of an answer"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder of the benchmarks' results")
    arguments = parser.parse_args()
    usage = Usage(seconds=arguments.seconds, memory_gb=arguments.memory, deltas=arguments.deltas)
    usage = measured(arguments.results, usage)
    if usage.memory_gb * 1000 < usage.process_mb:
        parser.error(f"a process takes {usage.process_mb:.0f} MB")
    print(table(usage, arguments.turns))
    print(f"\nPrices of {PRICES_READ}; the model's price is not included.")


if __name__ == "__main__":
    main()
