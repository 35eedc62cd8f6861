"""`deployment.yaml`: the platform's template with what an agents' package declares."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant.settings import Variable, variables_of
from declaration import DeclarationError, read
from local.merged import NESTED, RUN_AGENTS, Merged, unused_outputs
from local.own import check_aws_services, has_jobs, own_variables, parameter_name, variable_name
from local.package import sample_environment
from local.template import load_template, own_template
from tests.support.own_package import PACKAGES

PLATFORM = load_template()
STACK = load_template(PACKAGES / "bookmill" / "stack.yaml")


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> list[Variable]:
    monkeypatch.syspath_prepend(str(PACKAGES))
    from bookmill.settings import Variables

    found = variables_of(Variables)
    for name in [name for name in sys.modules if name.partition(".")[0] == "bookmill"]:
        monkeypatch.delitem(sys.modules, name)
    return found


@pytest.fixture
def merged(variables: list[Variable]) -> dict[str, Any]:
    made = Merged(PLATFORM, "bookmill", "bookmill:build_agent")
    made.add_stack(STACK)
    for variable in variables:
        made.add_variable(variable, STACK["Outputs"])
    return made.finish()


def test_a_variable_is_a_parameter_a_secrets_name_or_an_output_of_the_packages_stack(merged: dict[str, Any]) -> None:
    added = merged["Parameters"].keys() - PLATFORM["Parameters"].keys()
    assert added == {"BookmillKeySecret", "BookmillMost", "BookmillDays"}
    assert merged["Parameters"]["BookmillMost"]["Default"] == 5
    assert "Default" not in merged["Parameters"]["BookmillKeySecret"]
    environment = merged["Globals"]["Function"]["Environment"]["Variables"]
    assert environment["BOOKMILL_MOST"] == {"Ref": "BookmillMost"}
    assert environment["BOOKMILL_KEY_SECRET"] == {"Ref": "BookmillKeySecret"}
    assert environment["BOOKMILL_ORDERS"] == {"Fn::GetAtt": [NESTED, "Outputs.BookmillOrders"]}
    assert "BOOKMILL_KEY" not in environment


def test_the_packages_stack_is_nested_and_its_policies_join_the_functions_that_run_agents(
    merged: dict[str, Any],
) -> None:
    nested = merged["Resources"][NESTED]["Properties"]
    assert nested["TemplateURL"] == "layers/agents/bookmill/stack.yaml"
    assert nested["Parameters"] == {"Name": {"Ref": "AWS::StackName"}, "BookmillDays": {"Ref": "BookmillDays"}}
    policy = {"Fn::GetAtt": [NESTED, "Outputs.BookmillPolicyArn"]}
    resources = merged["Resources"].items()
    having = [name for name, body in resources if policy in body.get("Properties", {}).get("Policies", [])]
    assert having == list(RUN_AGENTS)


def test_the_functions_may_read_the_packages_secret(merged: dict[str, Any]) -> None:
    statement = merged["Resources"]["TurnPolicy"]["Properties"]["PolicyDocument"]["Statement"][-1]["Fn::If"]
    assert statement[0] == "HasBookmillKeySecret"
    assert statement[1]["Action"] == "secretsmanager:GetSecretValue"
    assert "secret:${BookmillKeySecret}-??????" in statement[1]["Resource"]["Fn::Sub"]
    assert merged["Conditions"]["HasBookmillKeySecret"]


def test_each_own_value_is_part_of_the_configuration_and_each_parameter_is_grouped(merged: dict[str, Any]) -> None:
    written = json.dumps(merged["Resources"]["Configuration"]["Properties"]["Content"])
    for name in ("BookmillKeySecret=", "BookmillMost=", "BookmillDays=", "BookmillOrders=", "BookmillQueue="):
        assert name in written, f"a change of {name} alone would reach no alias"
    groups = merged["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(merged["Parameters"])


def test_all_else_is_the_platforms(merged: dict[str, Any]) -> None:
    assert merged["Parameters"]["AgentFactory"]["Default"] == "bookmill:build_agent"
    changed = {name for name, body in merged["Resources"].items() if body != PLATFORM["Resources"].get(name)}
    assert changed == {*RUN_AGENTS, NESTED, "TurnPolicy", "Configuration"}
    assert load_template() == PLATFORM


@pytest.mark.parametrize("name", ["ALLOWED_TOOLS", "AWS_KEY", "LAMBDA_SIZE", "AGENT_FACTORY"])
def test_a_name_of_the_platform_is_refused(name: str) -> None:
    made = Merged(PLATFORM, "bookmill", "bookmill:build_agent")
    with pytest.raises(DeclarationError, match=f"{name} is taken. Name it BOOKMILL_{name}"):
        made.add_variable(Variable(name, str, "Mine.", ""), {})


def test_a_parameter_of_the_stack_does_not_replace_a_variables_parameter() -> None:
    stack = {"Parameters": {"BookmillMost": {"Type": "String", "Default": "abc"}}}
    most = Variable("BOOKMILL_MOST", int, "Mine.", 5)
    made = Merged(PLATFORM, "bookmill", "bookmill:build_agent")
    made.add_stack(stack)
    with pytest.raises(DeclarationError, match=r"BookmillMost of stack\.yaml .* variable BOOKMILL_MOST of settings"):
        made.add_variable(most, {})
    # An output may set the variable to the parameter's value.
    made.add_variable(most, {"BookmillMost": {"Value": {"Ref": "BookmillMost"}}})
    variables = made.finish()["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["BOOKMILL_MOST"] == {"Fn::GetAtt": [NESTED, "Outputs.BookmillMost"]}


@pytest.mark.parametrize(("name", "kind", "needed"), [("LogContent", "Number", "String"), ("Name", "Number", None)])
def test_a_parameter_that_the_platform_sets_has_the_platforms_type(name: str, kind: str, needed: str | None) -> None:
    made = Merged(PLATFORM, "bookmill", "bookmill:build_agent")
    with pytest.raises(DeclarationError, match=f"{name} gets the value .* must be {needed or 'String'}, not {kind}"):
        made.add_stack({"Parameters": {name: {"Type": kind}}})


def test_an_output_that_nothing_uses_is_named(variables: list[Variable]) -> None:
    outputs = STACK["Outputs"] | {"BookmillKeySecret": {}, "BookmillKey": {}, "BookmillOrder": {}}
    assert unused_outputs(outputs, variables) == ["BookmillKey", "BookmillOrder"]


def test_an_aws_service_that_boto3_does_not_know_is_named_with_near_names() -> None:
    package = read("bookmill", PACKAGES)
    check_aws_services(package)
    told = r"bookmill/pyproject\.toml: boto3 has no AWS service 'sqss' of aws_services\. Near names: .*\bsqs\b"
    wrong = replace(package, aws_services=("sqs", "sqss"))
    with pytest.raises(DeclarationError, match=told):
        check_aws_services(wrong)
    with pytest.raises(DeclarationError, match=told):
        own_variables(wrong, "http://127.0.0.1:9", "test", {})


def test_an_output_that_is_a_secret_needs_no_parameter() -> None:
    from assistant.settings import Secret

    made = Merged(PLATFORM, "bookmill", "bookmill:build_agent")
    made.add_variable(Variable("SHOP_KEY", Secret, "A key.", Secret()), {"ShopKeySecret": {}})
    template = made.finish()
    assert "ShopKeySecret" not in template["Parameters"]
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["SHOP_KEY_SECRET"] == {"Fn::GetAtt": [NESTED, "Outputs.ShopKeySecret"]}


def test_the_sample_of_env_says_what_is_needed(variables: list[Variable]) -> None:
    lines = sample_environment(variables, STACK["Outputs"]).splitlines()
    assert lines[1] == "BOOKMILL_KEY=  # Needed. The key of the shop's API."
    assert lines[2] == "# BOOKMILL_ORDERS=  # stack.yaml sets it. The table of the orders."
    assert lines[4] == "# BOOKMILL_MOST=5  # How many books a customer may order."


def test_names_of_variables_and_parameters_belong_together() -> None:
    for variable, parameter in {"BOOKMILL_URL": "BookmillUrl", "SHOP": "Shop", "S3_BUCKET": "S3Bucket"}.items():
        assert (parameter_name(variable), variable_name(parameter)) == (parameter, variable)


def test_the_local_stack_leaves_out_what_the_local_aws_does_not_make(tmp_path: Path) -> None:
    local = own_template(STACK)
    assert set(local["Resources"]) == {"Orders", "Parcels"}
    assert set(local["Outputs"]) == {"BookmillOrders", "BookmillQueue"}
    (tmp_path / "stack.yaml").write_text(
        "Resources:\n"
        "  Base: { Type: AWS::Bedrock::KnowledgeBase }\n"
        "  Of: { Type: AWS::SSM::Parameter, Properties: { Value: !GetAtt Base.Arn } }\n"
        "  OfThat: { Type: AWS::SSM::Parameter, Properties: { Value: !Sub '${Of.Value}' } }\n"
        "Outputs:\n  A: { Value: !Ref OfThat }\n"
    )
    nothing = own_template(load_template(tmp_path / "stack.yaml"))
    assert (nothing["Resources"], nothing["Outputs"]) == ({}, {})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("JOBS = {}", True),
        ("JOBS: dict[str, object] = {}", True),
        ("from elsewhere import work as JOBS", True),
        ("def build_agent(): ...", False),
        ("this is no Python", False),
    ],
)
def test_a_package_with_jobs_is_known_without_an_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, found: bool
) -> None:
    name = f"shop_{abs(hash(text))}"
    (tmp_path / f"{name}.py").write_text(f"{text}\nraise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert has_jobs(f"{name}:build_agent") is found
    assert not has_jobs("no_such_package_at_all:build_agent")
