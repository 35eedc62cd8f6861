"""The operations page matches the template and the Makefile."""

from __future__ import annotations

import re

import pytest

from local.settings import ROOT
from local.template import load_template

TEMPLATE = load_template()
PAGES = {path.name: path.read_text() for path in (ROOT / "docs").glob("*.md")}


def test_every_alarm_has_a_runbook() -> None:
    alarms = [name for name, body in TEMPLATE["Resources"].items() if body["Type"] == "AWS::CloudWatch::Alarm"]
    assert alarms
    for name in alarms:
        assert re.search(rf"^`.*`{name}`.*: \*|^`{name}`.*: \*", PAGES["operations.md"], re.MULTILINE), name


@pytest.mark.parametrize("page", ["operations.md", "security.md", "cost.md", "backup.md", "stages.md"])
def test_a_page_names_only_targets_and_parameters_that_exist(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"(?:`|^ *)make ([a-z-]+)", PAGES[page], re.MULTILINE))
    assert named <= targets, named - targets
    parameters = set(re.findall(r"`([A-Z][A-Za-z]+)=?[a-z]*`", PAGES[page]))
    # Resources, metrics, outputs, actions and errors are written the same way, and so is what a target takes.
    known = {*TEMPLATE["Parameters"], *TEMPLATE["Resources"], *TEMPLATE["Outputs"]}
    known |= set(re.findall(r"\b([A-Z_]+)=", makefile))
    known |= {"Turns", "TurnSeconds", "FirstDeltaSeconds", "InputTokens", "OutputTokens", "Tokens", "FailedTurns"}
    known |= {
        "Feedback",
        "BrokenStreams",
        "FailedWork",
        "OldestWorkSeconds",
        "ParkedWork",
        "ChatKit",
        "LambdaStream",
        "Throttles",
        "ThrottledRequests",
    }
    known |= {
        "OutOfMemory",
        "Query",
        "Scan",
        "TransactWriteItems",
        "PutItem",
        "UpdateItem",
        "DeleteItem",
        "BatchWriteItem",
    }
    # The results of a malware scan, and the tag with the result.
    known |= {"FAILED", "UNSUPPORTED", "GuardDutyMalwareScanStatus"}
    # A property of a function on Managed Instances, which the template does not have.
    known.add("PerExecutionEnvironmentMaxConcurrency")
    known |= {"ConditionCheckItem", "ReservedConcurrentExecutions", "X-Authorization", "NONE", "OPTIONS"}
    unknown = {each for each in parameters - known if not each.endswith(("Error", "Exception"))}
    assert not unknown
