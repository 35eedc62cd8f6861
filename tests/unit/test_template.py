"""`template.yaml` matches the code and the documentation for operators."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest

from assistant.errors import InvalidRequestError, ModelContentFilteredError
from assistant.settings import load_settings
from assistant.settings.knowledge import DEFAULT_DIMENSIONS
from assistant.threads.turn_record import Outcome
from lambda_stream.metrics import BROKEN_STREAMS
from local.server import DIMENSIONS
from local.settings import ROOT
from local.template import data_template, knowledge_table, load_template

TEMPLATE = load_template()
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
FUNCTIONS = ["ChatFunction", "StreamFunction", "UploadFunction", "SweepFunction", "IngestFunction", "JobFunction"]
FUNCTIONS += ["DurableJobFunction"]


def _environment(name: str) -> dict[str, Any]:
    common = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    own = RESOURCES[name]["Properties"].get("Environment", {}).get("Variables", {})
    return {**common, **own}


def _settings_variables() -> set[str]:
    """Return the names that `assistant.settings` reads."""
    files = (ROOT / "layers" / "agents" / "assistant" / "settings").glob("*.py")
    source = "".join(path.read_text() for path in files)
    names = set(re.findall(r'(?:read|env)\.(?:text|flag|number|whole|choice|words)\(\s*"([A-Z_]+)"', source))
    names |= set(re.findall(r'allowed_models\(read, "([A-Z_]+)"', source))
    names |= {f"{name}_SECRET" for name in re.findall(r'\.secret\("([A-Z_]+)"\)', source)}
    for prefix in re.findall(r'\bquota\(read, "([A-Z_]*)"', source):
        names |= {f"{prefix}{name}" for name in re.findall(r'f"\{prefix\}([A-Z_]+)"', source)}
    return names


def test_every_variable_that_the_template_sets_is_one_that_the_code_reads() -> None:
    of_others = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "AWS_LAMBDA_EXEC_WRAPPER"}
    of_others.add("LAMBDA_STREAM_METRICS_NAMESPACE")
    for name in FUNCTIONS:
        assert set(_environment(name)) - of_others <= _settings_variables()


def test_every_setting_can_be_given_to_a_deployment() -> None:
    # A turn on `chat` has to end before API Gateway gives up, and only a local AWS is somewhere else.
    not_there = {"CHAT_TURN_SECONDS", "MAX_TURNS_PER_PROCESS", "AWS_ENDPOINT_URL"}
    # It has one possible value.
    not_there.add("OTEL_EXPORTER_OTLP_PROTOCOL")
    # Named by their secrets there.
    values = {"OPENAI_API_KEY", "GEMINI_API_KEY", "LLM_API_KEY", "VISITOR_KEY", "OTEL_EXPORTER_OTLP_HEADERS"}
    assert _settings_variables() - values - not_there <= set(_environment("ChatFunction"))


def test_every_parameter_is_used_explained_and_grouped() -> None:
    shown = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in shown for name in group["Parameters"]]
    assert sorted(grouped) == sorted(TEMPLATE["Parameters"])
    text = (ROOT / "template.yaml").read_text()
    for name, parameter in TEMPLATE["Parameters"].items():
        assert parameter["Description"], name
        assert "Default" in parameter, name
        assert re.search(rf"!Ref {name}\b|\$\{{{name}\}}", text), name


@pytest.mark.parametrize("value", ["", "1", "500"])
@pytest.mark.parametrize("variable", ["RETENTION_DAYS", "QUOTA_TURNS_PER_MINUTE", "TENANT_QUOTA_TOKENS_PER_DAY"])
def test_the_functions_start_with_a_number_that_can_be_deployed(variable: str, value: str) -> None:
    assert re.fullmatch(_pattern(variable), value)
    load_settings({"AUTH_MODE": "guest", variable: value})


@pytest.mark.parametrize("value", ["0", "07", "1.5", "-1", "9" * 40])
@pytest.mark.parametrize("variable", ["RETENTION_DAYS", "QUOTA_TURNS_PER_MINUTE", "TENANT_QUOTA_TOKENS_PER_DAY"])
def test_a_number_that_no_function_starts_with_is_refused_when_it_is_deployed(variable: str, value: str) -> None:
    assert not re.fullmatch(_pattern(variable), value)


def _pattern(variable: str) -> str:
    parameter = TEMPLATE["Parameters"][_environment("StreamFunction")[variable]["Ref"]]
    return str(parameter["AllowedPattern"])


def test_no_variable_carries_a_key() -> None:
    for name in FUNCTIONS:
        assert not [variable for variable in _environment(name) if variable.endswith(("_KEY", "_TOKEN"))]


def test_nothing_but_the_functions_answers_cors() -> None:
    # Both at once send the header twice.
    for name in FUNCTIONS[:3]:
        assert "Cors" not in RESOURCES[f"{name}Url"]["Properties"]
    assert "CorsConfiguration" not in RESOURCES["Api"]["Properties"]
    assert RESOURCES["StreamFunctionUrl"]["Properties"]["InvokeMode"] == "RESPONSE_STREAM"


def test_the_wrapper_is_where_the_stream_functions_folder_has_it() -> None:
    wrapper = _environment("StreamFunction")["AWS_LAMBDA_EXEC_WRAPPER"]
    assert wrapper == "/var/task/stream-runtime"
    assert (ROOT / RESOURCES["StreamFunction"]["Properties"]["CodeUri"] / "stream-runtime").stat().st_mode & 0o111


@pytest.mark.parametrize("name", ["Table", "Bucket"])
def test_the_data_outlives_the_stack(name: str) -> None:
    assert RESOURCES[name]["DeletionPolicy"] == "Retain"
    assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


def test_the_bucket_is_private_and_the_table_can_be_restored() -> None:
    bucket, table = RESOURCES["Bucket"]["Properties"], RESOURCES["Table"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert "GlobalSecondaryIndexes" not in table


def test_a_change_of_the_layer_alone_publishes_every_function_anew() -> None:
    assert TEMPLATE["Globals"]["Function"]["AutoPublishAlias"] == "live"
    for name in FUNCTIONS:
        assert RESOURCES[name]["Properties"]["AutoPublishAliasAllProperties"] is True
        assert "${Configuration}" in RESOURCES[name]["Properties"]["VersionDescription"]["Fn::Sub"]
        assert "${Configuration}" in RESOURCES[name]["Properties"]["Description"]["Fn::Sub"]
    assert RESOURCES["AgentsLayer"]["Properties"]["RetentionPolicy"] == "Retain"
    assert RESOURCES["AgentsLayer"]["Properties"]["PublishLambdaVersion"] is True


def test_sam_builds_the_layer_for_the_functions_architecture_and_does_not_warn_of_another() -> None:
    layer = RESOURCES["AgentsLayer"]
    assert [layer["Metadata"]["BuildArchitecture"]] == layer["Properties"]["CompatibleArchitectures"]
    assert layer["Properties"]["CompatibleArchitectures"] == TEMPLATE["Globals"]["Function"]["Architectures"]


def test_every_parameter_of_the_functions_is_part_of_their_configuration() -> None:
    written = json.dumps(RESOURCES["Configuration"]["Properties"]["Content"])
    used = json.dumps([TEMPLATE["Globals"], *(RESOURCES[name] for name in FUNCTIONS)])
    for name in TEMPLATE["Parameters"]:
        if f'"Ref": "{name}"' in used:
            assert f"{name}=" in written, f"a change of {name} alone would reach no alias"


def _transformed(**parameters: str) -> dict[str, Any]:
    """Return the template as CloudFormation gets it."""
    command = [str(ROOT / ".envs" / "sam" / "bin" / "python"), "-m", "local.transform", "template.yaml"]
    command += [f"{name}={value}" for name, value in parameters.items()]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    resources: dict[str, Any] = json.loads(made)["Resources"]
    return resources


def test_options_that_cost_more_or_need_more_resources_are_off_by_default() -> None:
    defaults = {name: TEMPLATE["Parameters"][name]["Default"] for name in ("SnapStart", "GradualDeployment")}
    assert defaults == {"SnapStart": "None", "GradualDeployment": "false"}
    assert TEMPLATE["Parameters"]["MonthlyBudget"]["Default"] == 0
    assert TEMPLATE["Parameters"]["AlarmEmail"]["Default"] == ""
    assert RESOURCES["Budget"]["Condition"] == "HasBudget"
    made = _transformed()
    assert not [name for name, body in made.items() if body["Type"].startswith("AWS::CodeDeploy")]
    assert not [name for name, body in made.items() if "UpdatePolicy" in body]


def test_prod_starts_its_functions_from_snapshots_but_not_the_sweep() -> None:
    prod = tomllib.loads((ROOT / "samconfig.toml").read_text())["prod"]["deploy"]["parameters"]
    assert "SnapStart=PublishedVersions" in prod["parameter_overrides"]
    snapped = [name for name in FUNCTIONS if "SnapStart" in RESOURCES[name]["Properties"]]
    # Nobody waits for the sweep.
    assert snapped == ["ChatFunction", "StreamFunction", "UploadFunction"]


def test_a_gradual_deployment_moves_each_alias_by_codedeploy_and_watches_the_alarms() -> None:
    made = _transformed(GradualDeployment="true")
    groups = {name: body for name, body in made.items() if body["Type"] == "AWS::CodeDeploy::DeploymentGroup"}
    # Nobody waits for `ingest` and the two of jobs, so their aliases move at once.
    assert len(groups) == len(FUNCTIONS) - 3
    for group in groups.values():
        watched = {each["Name"]["Ref"] for each in group["Properties"]["AlarmConfiguration"]["Alarms"]}
        of_errors = {"ChatErrorsAlarm", "StreamErrorsAlarm", "UploadErrorsAlarm"}
        assert watched == {*of_errors, "BrokenStreamsAlarm", "FailedTurnsAlarm"}
        assert "Canary10Percent5Minutes" in json.dumps(group["Properties"]["DeploymentConfigName"])
    aliases = [
        body
        for name, body in made.items()
        if body["Type"] == "AWS::Lambda::Alias" and not name.startswith(("Ingest", "Job", "DurableJob"))
    ]
    moved_by = {body["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]["DeploymentGroupName"]["Ref"] for body in aliases}
    assert moved_by == set(groups)


def test_no_other_option_changes_what_sam_makes_of_the_template() -> None:
    # `make validate` lints these two forms of it; cfn-lint tries the values of all conditions that are left in them.
    options = {"SnapStart": "PublishedVersions", "AlarmEmail": "ops@example.com", "MonthlyBudget": "10"}
    options |= {"Architecture": "x86_64", "LlmProvider": "openai", "OpenAiApiKeySecret": "key", "RestoredTable": "old"}
    options |= {
        "FrontDoor": "cloudfront",
        "Waf": "create",
        "CognitoUserPool": "create",
        "StreamReservedConcurrency": "5",
    }
    assert _transformed(**options) == _transformed()


def test_all_that_leads_to_a_function_leads_to_its_alias() -> None:
    made = _transformed()
    of_kind = {
        kind: [body["Properties"] for body in made.values() if body["Type"] == f"AWS::Lambda::{kind}"]
        for kind in ("Alias", "Url", "Permission")
    }
    aliases = {name for name, body in made.items() if body["Type"] == "AWS::Lambda::Alias"}
    assert {name.removesuffix("Aliaslive") for name in aliases} == set(FUNCTIONS)
    assert len(of_kind["Url"]) == 3
    assert all(url["TargetFunctionArn"]["Ref"] in aliases for url in of_kind["Url"])
    # For each URL the two that a public one needs, for the API's two integrations, for the schedule and for the alarm.
    assert len(of_kind["Permission"]) == 3 * 2 + 2 + 1 + 1
    for permission in of_kind["Permission"]:
        assert permission["FunctionName"]["Ref"] in aliases


def test_no_policy_is_wider_than_the_table_the_bucket_and_the_named_secrets() -> None:
    policies = [body for body in RESOURCES.values() if body["Type"] == "AWS::IAM::ManagedPolicy"]
    assert len(policies) == 6
    for policy in policies:
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            statement = statement.get("Fn::If", [None, statement])[1]
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert not [action for action in actions if "*" in action]
            assert "dynamodb:Scan" not in actions
            assert statement["Resource"] != "*"


def test_both_functions_of_jobs_are_alike_but_one_is_durable_and_is_never_made_of_the_other() -> None:
    # Lambda refuses to make an existing function durable, so a change of the parameter makes another one.
    plain, durable = (RESOURCES[name] for name in ("JobFunction", "DurableJobFunction"))
    conditions = {"HasPlainJobs": "true", "HasDurableJobs": "durable"}
    for body in (plain, durable):
        assert TEMPLATE["Conditions"][body["Condition"]] == {
            "Fn::Equals": [{"Ref": "Jobs"}, conditions[body["Condition"]]]
        }
    own = {"Description", "CodeUri", "DurableConfig"}
    assert {
        name for name in durable["Properties"] if durable["Properties"][name] != plain["Properties"].get(name)
    } == own
    made = _transformed()
    [stored] = [
        each
        for each in _managed(made, "DurableJobFunctionRole")
        if each.endswith("AWSLambdaBasicDurableExecutionRolePolicy")
    ]
    assert stored not in _managed(made, "JobFunctionRole")
    # What runs jobs starts none.
    for name in ("JobFunctionRole", "DurableJobFunctionRole"):
        assert "JobPolicy" not in json.dumps(made[name])


def _managed(made: dict[str, Any], role: str) -> list[str]:
    arns = made[role]["Properties"]["ManagedPolicyArns"]
    return [each["Fn::Sub"] if "Fn::Sub" in each else json.dumps(each) for each in map(_as_node, arns)]


def _as_node(arn: Any) -> dict[str, Any]:
    return arn if isinstance(arn, dict) else {"Fn::Sub": arn}


def test_the_dashboard_is_json_and_shows_every_alarm() -> None:
    body = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(re.sub(r"\$\{[^}]+\}", "x", body))["widgets"]
    assert {"metric", "alarm"} == {widget["type"] for widget in widgets}
    for name, resource in RESOURCES.items():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            assert f"${{{name}.Arn}}" in body


def test_the_dashboard_and_the_alarms_use_the_metrics_of_the_code() -> None:
    counted = "".join(
        (ROOT / path).read_text()
        for path in ("layers/agents/assistant/observability.py", "functions/stream/lambda_stream/metrics.py")
    )
    body = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    filters = [each["Properties"] for each in RESOURCES.values() if each["Type"] == "AWS::Logs::MetricFilter"]
    counted += json.dumps([each["MetricTransformations"] for each in filters])
    watched = set(re.findall(r'"ChatKit", "(\w+)"', body)) | set(re.findall(r"MetricName=(\w+)", body))
    for resource in RESOURCES.values():
        if resource.get("Properties", {}).get("Namespace") == "ChatKit":
            watched.add(resource["Properties"]["MetricName"])
    assert watched >= {"Turns", "FirstDeltaSeconds", "Tokens"}
    for name in watched:
        assert f'"{name}"' in counted, name


def test_each_alarm_watches_its_metric_by_the_dimension_under_which_it_is_counted() -> None:
    alarms = [each["Properties"] for each in RESOURCES.values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    stack, functions = {"Ref": "AWS::StackName"}, [{"Ref": name} for name in FUNCTIONS]
    for alarm in alarms:
        [dimension] = alarm["Dimensions"]
        # The streaming runtime knows nothing of stacks, and Lambda counts by function too.
        by_function = alarm["Namespace"] == "AWS/Lambda" or alarm["MetricName"] == BROKEN_STREAMS
        assert dimension["Name"] == ("FunctionName" if by_function else "service"), alarm
        assert dimension["Value"] in (functions if by_function else [stack]), alarm
    assert {"Errors", "Throttles", "FailedTurns", "OldestWorkSeconds", "ParkedWork", BROKEN_STREAMS} <= {
        each["MetricName"] for each in alarms
    }


def test_turns_that_fail_are_counted_from_the_lines_of_both_functions() -> None:
    filters = [each["Properties"] for each in RESOURCES.values() if each["Type"] == "AWS::Logs::MetricFilter"]
    assert {each["LogGroupName"]["Ref"] for each in filters} == {"ChatLogGroup", "StreamLogGroup"}
    for each in filters:
        compared = re.findall(r'\$\.(\w+) (?:=|!=) "(\w+)"', each["FilterPattern"])
        assert each["FilterPattern"].count("$.") == len(compared)
        assert {name for name, _ in compared} == {"message", "outcome", "error"}
        assert {value for name, value in compared if name == "outcome"} <= set(get_args(Outcome))
        codes = {value for name, value in compared if name == "error"}
        assert codes == {InvalidRequestError.code, ModelContentFilteredError.code}
        [transformation] = each["MetricTransformations"]
        # The alarm finds its own stack's turns by the line's field, as it does for the metrics of the code.
        assert transformation["Dimensions"] == [{"Key": "service", "Value": "$.service"}]
    alarm = RESOURCES["FailedTurnsAlarm"]["Properties"]
    assert {each["MetricTransformations"][0]["MetricName"] for each in filters} == {alarm["MetricName"]}


def test_the_functions_end_before_api_gateway_gives_up() -> None:
    for name in ("ChatFunction", "UploadFunction"):
        assert RESOURCES[name]["Properties"]["Timeout"] < 30


def test_the_local_stack_is_the_templates_own_table_and_bucket_and_nothing_more() -> None:
    data = data_template(TEMPLATE)
    assert set(data["Resources"]) == {"Table", "Bucket", "BucketPolicy"}
    for name, resource in data["Resources"].items():
        assert resource == RESOURCES[name]
    assert set(data["Parameters"]) == {"AllowedOrigins", "KmsKeyArn", "TableDeletionProtection"}
    assert set(data["Conditions"]) == {"HasAllowedOrigins", "HasKmsKey"}


def test_conditions_of_conditions_come_along() -> None:
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": {"A": {"Type": "String"}, "B": {"Type": "String"}, "Unused": {"Type": "String"}},
        "Conditions": {
            "Outer": {"Fn::And": [{"Condition": "Inner"}, {"Fn::Equals": [{"Ref": "A"}, "x"]}]},
            "Inner": {"Fn::Equals": [{"Fn::Sub": "${B}"}, "y"]},
            "Unused": {"Fn::Equals": [{"Ref": "Unused"}, "z"]},
        },
        "Resources": {
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"Tags": {"Fn::If": ["Outer", [], []]}}},
            "Function": {"Type": "AWS::Serverless::Function", "Properties": {"Tags": {"Ref": "Unused"}}},
        },
    }
    data = data_template(template)
    assert set(data["Conditions"]) == {"Outer", "Inner"}
    assert set(data["Parameters"]) == {"A", "B"}
    assert set(data["Outputs"]) == {"Bucket"}


def test_the_sample_environment_names_every_setting_that_the_code_reads() -> None:
    shown = set(re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    on_aws_only = {"ALLOW_DEMO", "TABLE_NAME", "BUCKET_NAME", "AWS_ENDPOINT_URL", "USER_HASH_SALT"}
    on_aws_only |= {"KNOWLEDGE_TABLE_NAME", "INGEST_FUNCTION", "JOB_FUNCTION"}
    secrets = {name for name in _settings_variables() if name.endswith("_SECRET")}
    assert _settings_variables() - on_aws_only - secrets <= shown


def test_samconfig_has_a_development_and_a_production_stack() -> None:
    config = tomllib.loads(Path(ROOT / "samconfig.toml").read_text())
    names = {name: config[name]["global"]["parameters"]["stack_name"] for name in ("default", "prod")}
    assert len(set(names.values())) == 2
    for name in names:
        built = {"template_file": "deployment.yaml", "cached": True, "parallel": True}
        assert config[name]["build"]["parameters"] == built
    overrides = dict(entry.split("=", 1) for entry in config["prod"]["deploy"]["parameters"]["parameter_overrides"])
    assert set(overrides) <= set(TEMPLATE["Parameters"])


def test_the_local_table_of_passages_has_the_templates_index_and_no_function_needs_more_of_it() -> None:
    made = knowledge_table(TEMPLATE, 256)
    assert TEMPLATE["Parameters"]["EmbeddingDimensions"]["Default"] == DIMENSIONS == DEFAULT_DIMENSIONS
    [index] = made["VectorIndexes"]
    assert (index["IndexName"], index["Dimensions"]) == ("meaning-256", 256)
    assert index["VectorAttribute"] == {"AttributeName": "v256"}
    # Isolation rests on the partition, which is the index's hash key. No other attribute of it filters.
    assert index["SearchSchema"] == [{"AttributeName": "pk", "SearchSchemaElementType": "HASH"}]
    assert "Fn::" not in json.dumps(made)
    # An attribute that the index does not project would be absent from every hit.
    projected = set(index["Projection"]["NonKeyAttributes"])
    assert {"doc", "gen", "n", "text", "title", "page", "model", "ttl"} == projected


def test_knowledge_is_off_and_its_rights_are_apart() -> None:
    assert TEMPLATE["Parameters"]["Knowledge"]["Default"] == ""
    for name in ("KnowledgeTable", "IngestFunction", "IngestPolicy", "KnowledgePolicy", "IngestLogGroup"):
        assert RESOURCES[name]["Condition"] in ("HasKnowledge", "HasKnowledgeTable"), name
    statements = [
        each.get("Fn::If", [None, each])[1]
        for each in RESOURCES["KnowledgePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    ]
    [search] = [each for each in statements if "dynamodb:SearchVectors" in each["Action"]]
    assert search["Action"] == "dynamodb:SearchVectors"
    assert "Condition" not in search
    assert search["Resource"] == {"Fn::Sub": "${KnowledgeTable.Arn}/index/*"}
    # Only `ingest` writes passages; the others remove them. `upload` has no right on them.
    assert "KnowledgePolicy" not in json.dumps(RESOURCES["UploadFunction"])
    assert "UploadPolicy" not in json.dumps(RESOURCES["IngestFunction"])
