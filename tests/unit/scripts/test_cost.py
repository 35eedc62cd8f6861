"""The cost of a million turns: the calculation, the benchmarks' results and the table in the documentation."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from local.settings import ROOT
from local.template import load_template
from scripts import cost
from scripts.cost import MILLION, Usage, measured


def test_a_function_is_paid_for_all_the_time_that_an_answer_is_written() -> None:
    usage = Usage(seconds=6.0, memory_gb=1.0, reads=0, round_trips=0)
    costs = cost.function_url(usage, MILLION)
    # 6 million GB-seconds at 13.3334 a million, and a million requests at 20 cents.
    assert costs["Lambda time"] == pytest.approx(80.0, abs=0.01)
    assert costs["Lambda requests"] == pytest.approx(0.20)
    assert costs["front door"] == 0
    half = cost.function_url(Usage(seconds=6.0, memory_gb=0.5, reads=0, round_trips=0), MILLION)
    assert half["Lambda time"] == pytest.approx(40.0, abs=0.01)


def test_a_function_waits_for_the_table_too_and_is_paid_for_it() -> None:
    usage = Usage(seconds=0, memory_gb=1.0, round_trips=2, reads=3, read_seconds=0.1, read_round_trips=4)
    # Fourteen round trips of 5 ms, and what the reads take themselves.
    assert cost.function_url(usage, MILLION)["Lambda time"] == pytest.approx((0.07 + 0.3) * 13.3334, abs=0.01)


def test_each_alternative_has_its_own_costs() -> None:
    usage = Usage(deltas=200, reads=0, session_minutes=0)
    assert cost.rest_api(usage, MILLION)["front door"] == pytest.approx(3.50)
    # 200 pieces and the question.
    assert cost.websocket_api(usage, MILLION)["front door"] == pytest.approx(201.0)
    large = Usage(deltas=1, event_bytes=21 * 1024 * 1024, reads=0)
    assert cost.rest_api(large, MILLION)["front door"] == pytest.approx(3 * 3.50)
    # Of 21 MB, 15 go beyond the 6 that are free.
    assert cost.function_url(large, 1000)["Lambda streaming"] == pytest.approx(15.728640 * 0.008)


def test_containers_cost_the_same_when_nobody_talks_and_grow_with_cpu() -> None:
    idle = cost.container(Usage(), 0)
    assert idle["2 containers"] == pytest.approx(2 * 730 * (0.03238 + 2 * 0.00356))
    assert cost.function_url(Usage(), 0) == dict.fromkeys(cost.function_url(Usage(), 0), 0.0)
    busy = cost.container(Usage(cpu_ms=1000, deltas=0), 3 * MILLION)
    # 3 million CPU seconds in a month of 2.628 million, five times that at the peak, at 60 %.
    assert "10 containers" in busy
    full = cost.container(Usage(cpu_ms=0, deltas=0, seconds=60, process_mb=500, turn_mb=40), 3 * MILLION)
    # 342 turns at once at the peak, of 40 MB each, where 60 % of 1,500 MB are for them.
    assert "16 containers" in full
    # And 50 of them on each core.
    assert "7 containers" in cost.container(Usage(cpu_ms=0, deltas=0, seconds=60), 3 * MILLION)


def test_managed_instances_cost_the_same_when_nobody_talks_and_grow_with_turns_at_once_and_cpu() -> None:
    idle = cost.managed_instances(Usage(), 0)
    assert idle["3 instances"] == pytest.approx(3 * 730 * 0.0816 * 1.15)
    # 951 turns at once at the peak, 50 on each core.
    assert "10 instances" in cost.managed_instances(Usage(cpu_ms=0, deltas=0, seconds=100), 5 * MILLION)
    # 3 million CPU seconds in a month of 2.628 million, five times that at the peak, at 60 % of two vCPUs.
    busy = cost.managed_instances(Usage(cpu_ms=1000, deltas=0), 3 * MILLION)
    assert "5 instances" in busy
    assert "Lambda time" not in busy
    assert busy["Lambda requests"] == cost.function_url(Usage(), 3 * MILLION)["Lambda requests"]


def test_the_benchmarks_results_take_the_place_of_recorded_numbers(tmp_path: Path) -> None:
    assert measured(tmp_path, Usage()) == Usage()
    rows = [
        {"subject": "naive", "operation": "turn in a thread of 50 items", "hops": 9, "RCU": 1.0, "WCU": 2.0},
        {"subject": "ours", "operation": "turn in a thread of 50 items", "hops": 3, "RCU": 7.0, "WCU": 11.0},
        {"subject": "ours", "operation": "items.list of 50 items", "hops": 2, "RCU": 4.0, "WCU": 0.0},
    ]
    (tmp_path / "store.json").write_text(json.dumps({"rows": rows}))
    found: dict[str, float] = {}
    found |= {"writes of a short answer": 2, "writes of an answer of 30 s": 17, "reads of a short answer": 0}
    found |= {"reads of an answer of 30 s": 12, "CPU of a turn of one delta, ms": 8.0, "CPU of a delta, µs": 50.0}
    found |= {"memory of the process, MB": 200.0, "memory of a turn that runs, MB": 2.0}
    (tmp_path / "turns.json").write_text(
        json.dumps({"rows": [{"what": name, "surviving": value} for name, value in found.items()]})
    )
    usage = measured(tmp_path, Usage())
    assert (usage.write_units, usage.read_units, usage.read_operation_units) == (11.0, 7.0, 4.0)
    assert (usage.round_trips, usage.read_round_trips) == (3, 2)
    assert (usage.checkpoints, usage.looks, usage.cpu_ms, usage.delta_cpu_us) == (0.5, 0.4, 8.0, 50.0)
    assert (usage.process_mb, usage.turn_mb) == (200.0, 2.0)
    # Six seconds, and so three checkpoints.
    assert cost.function_url(usage, MILLION)["DynamoDB writes"] == pytest.approx((11 + 3 * 1.5) * 0.625)


def test_the_costs_use_the_benchmarks_names() -> None:
    source = (ROOT / "benchmarks" / "turns.py").read_text()
    for name in cost._TURN_FIELDS:
        assert f'"{name}"' in source, name
    for name in ("writes of {title}", "reads of {title}", '"a short answer"', "an answer of {seconds:g} s"):
        assert name in source, name


def test_memory_that_holds_no_process_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["cost", "--memory", "0.128", "--results", str(tmp_path)])
    with pytest.raises(SystemExit):
        cost.main()
    assert "a process takes 170 MB" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["0", "-1", "many", "nan", "inf"])
@pytest.mark.parametrize("option", ["--turns", "--seconds", "--memory", "--deltas"])
def test_an_argument_that_is_not_a_positive_number_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str, text: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["cost", f"{option}={text}"])
    with pytest.raises(SystemExit):
        cost.main()
    assert f"argument {option}: it is a number above 0, not '{text}'" in capsys.readouterr().err


def test_the_monthly_costs_on_the_page_match_the_template() -> None:
    of_type = Counter(body["Type"] for body in load_template()["Resources"].values())
    page = (ROOT / "docs" / "cost.md").read_text()
    assert f"{of_type['AWS::CloudWatch::Alarm']} alarms" in page
    assert of_type["AWS::CloudWatch::Dashboard"] == 1


def test_the_printed_table_is_the_one_that_the_script_prints() -> None:
    assert cost.table(Usage(), MILLION) in (ROOT / "docs" / "cost.md").read_text()
