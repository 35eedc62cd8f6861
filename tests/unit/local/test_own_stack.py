"""What is wrong with the stack.yaml of an agents' package is told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from declaration import DeclarationError
from local.own_stack import read_own_stack
from local.stack import deploy_own
from local.template import own_template

QUEUE = "Resources: { Queue: { Type: AWS::SQS::Queue } }\n"


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    (tmp_path / "bookshop").mkdir()
    return tmp_path / "bookshop" / "stack.yaml"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", " is empty: give it Resources, or delete it."),
        ("# Nothing yet.\n", " is empty: give it Resources, or delete it."),
        ("- Queue\n", " must be a mapping with Resources."),
        ("Parameters: {}\n", ": Resources must be a mapping with one resource or more."),
        ("Resources: []\n", ": Resources must be a mapping with one resource or more."),
        ("Resources: [Queue]\n", ": Resources must be a mapping."),
        ("Resources: { Queue: AWS::SQS::Queue }\n", ": Queue in Resources needs a Type."),
        (f"{QUEUE}Parameters:\n", ": Parameters must be a mapping."),
        (f"{QUEUE}Parameters: {{ Days: {{ Default: 7 }} }}\n", ": Days in Parameters needs a Type."),
        (f"{QUEUE}Outputs: {{ 1: {{ Value: a }} }}\n", ": Outputs has the name 1, which must be text."),
        ("Resources:\n  Queue: [\n", ", line 3: expected the node content, but found '<stream end>'."),
        ("Resources:\n\tQueue: {}\n", ", line 2: found character '\\t' that cannot start any token."),
        (f"{QUEUE}Outputs: {{}}\n{QUEUE}", ", line 3: the key Resources is there twice."),
        ("Resources:\n  A: { Type: B }\n  A: { Type: C }\n", ", line 3: the key A is there twice."),
        ("Resources: \x00\n", " is no YAML: "),
    ],
)
def test_a_mistake_in_a_stack_is_one_line_that_names_the_file(stack: Path, text: str, told: str) -> None:
    stack.write_text(text)
    for read in (read_own_stack, lambda path: deploy_own("http://127.0.0.1:9", "bookshop", path, {})):
        with pytest.raises(DeclarationError) as refused:
            read(stack)
        assert str(refused.value).startswith(f"layers/agents/bookshop/stack.yaml{told}")
        assert "\n" not in str(refused.value)


def test_a_macro_among_the_resources_and_a_merge_are_no_mistakes(stack: Path) -> None:
    stack.write_text(
        "Resources:\n"
        "  Fn::ForEach::Queues: [Name, [A, B], {}]\n"
        "  First: &first { Type: AWS::SQS::Queue, DeletionPolicy: Retain }\n"
        "  Second: { <<: *first, DeletionPolicy: Delete }\n"
    )
    template = read_own_stack(stack)
    assert template["Resources"]["Second"] == {"Type": "AWS::SQS::Queue", "DeletionPolicy": "Delete"}
    assert set(own_template(template)["Resources"]) == {"First", "Second"}
