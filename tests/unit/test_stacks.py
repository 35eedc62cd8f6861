"""The nested stacks of `template.yaml`: the front door, its web ACL, and the sign-in pages."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from assistant.api.events import HEARTBEAT_SECONDS
from local.settings import ROOT
from local.template import load_template

TEMPLATE = load_template()
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
FRONT, WAF, SIGN_IN = (load_template(ROOT / "stacks" / f"{name}.yaml") for name in ("front", "waf", "sign_in"))
BEHIND = ("Chat", "Stream", "Upload")
DISTRIBUTION = FRONT["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
BEHAVIORS = [DISTRIBUTION["DefaultCacheBehavior"], *DISTRIBUTION["CacheBehaviors"]]


@pytest.mark.parametrize(("name", "stack"), [("Front", FRONT), ("FrontWaf", WAF), ("SignIn", SIGN_IN)])
def test_the_main_stack_gives_each_parameter_of_a_nested_stack_and_reads_outputs_that_exist(
    name: str, stack: dict[str, Any]
) -> None:
    nested = RESOURCES[name]["Properties"]
    assert load_template(ROOT / nested["TemplateURL"]) == stack
    assert set(nested["Parameters"]) == set(stack["Parameters"])
    used = set(re.findall(rf'"{name}", "Outputs.(\w+)"', json.dumps(TEMPLATE)))
    used |= set(re.findall(rf"\$\{{{name}\.Outputs\.(\w+)\}}", json.dumps(TEMPLATE)))
    assert used == set(stack["Outputs"])


def test_front_doors_are_closed_by_default() -> None:
    names = ("FrontDoor", "Waf", "CognitoUserPool", "WebAclArn", "FrontDomain", "KmsKeyArn", "BasePath")
    assert {TEMPLATE["Parameters"][name]["Default"] for name in names} == {"none", ""}
    assert TEMPLATE["Parameters"]["TableDeletionProtection"]["Default"] == "true"
    assert TEMPLATE["Parameters"]["ApiStageName"]["Default"] == "$default"


def test_a_front_door_is_the_only_way_in() -> None:
    aliases = [{"Ref": f"{short}Function.Alias"} for short in BEHIND]
    for short in BEHIND:
        url = RESOURCES[f"{short}FunctionUrl"]["Properties"]
        assert url["AuthType"] == {"Fn::If": ["HasFrontDoor", "AWS_IAM", "NONE"]}
        for name in (f"{short}FunctionUrlPublicPermissions", f"{short}FunctionURLInvokeAllowPublicAccess"):
            assert RESOURCES[name]["Condition"] == "HasApi"
    for name, resource in RESOURCES.items():
        if resource["Type"].startswith("AWS::ApiGatewayV2::"):
            assert resource["Condition"] == "HasApi", name
        if resource["Type"] == "AWS::Lambda::Permission" and resource["Properties"]["FunctionName"] in aliases:
            assert resource["Condition"] == "HasApi", name
    assert TEMPLATE["Conditions"]["HasApi"] == {"Fn::Not": [{"Condition": "HasFrontDoor"}]}


def test_only_this_distribution_may_call_the_urls_and_has_both_permissions_for_each() -> None:
    permissions = [each["Properties"] for each in FRONT["Resources"].values() if "Permission" in each["Type"]]
    for short in BEHIND:
        of_function = [each for each in permissions if each["FunctionName"] == {"Ref": f"{short}Alias"}]
        assert {each["Action"] for each in of_function} == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
    assert len(permissions) == 2 * len(BEHIND)
    for each in permissions:
        assert each["Principal"] == "cloudfront.amazonaws.com"
        assert each["SourceArn"]["Fn::Sub"].endswith("distribution/${Distribution}")


def test_every_request_to_an_origin_is_signed_and_keeps_the_token_and_the_address() -> None:
    config = FRONT["Resources"]["OriginAccess"]["Properties"]["OriginAccessControlConfig"]
    assert (config["SigningBehavior"], config["OriginAccessControlOriginType"]) == ("always", "lambda")
    assert all(origin["OriginAccessControlId"] == {"Ref": "OriginAccess"} for origin in DISTRIBUTION["Origins"])
    assert len(BEHAVIORS) == len(DISTRIBUTION["Origins"]) == len(BEHIND)
    for behavior in BEHAVIORS:
        [association] = behavior["FunctionAssociations"]
        assert association["EventType"] == "viewer-request"
        assert {"POST", "OPTIONS"} <= set(behavior["AllowedMethods"])
        # A compressed stream arrives in large pieces.
        assert behavior["Compress"] is False


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"authorization": "Bearer a.b.c"}, "Bearer a.b.c"),
        ({"authorization": "bearer a.b.c", "x-authorization": "Bearer old"}, "bearer a.b.c"),
        ({"x-authorization": "Bearer a.b.c"}, "Bearer a.b.c"),
        ({"authorization": "AWS4-HMAC-SHA256 Credential=…", "x-authorization": "Bearer a.b.c"}, "Bearer a.b.c"),
        ({}, None),
    ],
)
def test_the_token_is_copied_to_a_header_that_cloudfront_does_not_overwrite(
    sent: dict[str, str], kept: str | None
) -> None:
    code = FRONT["Resources"]["ViewerRequest"]["Properties"]["FunctionCode"]
    # A client cannot choose its own address.
    sent = {**sent, "x-viewer-address": "198.51.100.1"}
    event = {"viewer": {"ip": "203.0.113.9"}, "request": {"headers": {name: {"value": sent[name]} for name in sent}}}
    script = f"{code}\nconsole.log(JSON.stringify(handler({json.dumps(event)})));"
    node = str(ROOT / ".venv" / "bin" / "node")
    made = json.loads(subprocess.run([node, "-e", script], capture_output=True, text=True, check=True).stdout)
    headers = {name: value["value"] for name, value in made["headers"].items()}
    assert headers.get("x-authorization") == kept
    assert headers["x-viewer-address"] == "203.0.113.9"


def test_the_functions_read_the_headers_that_the_distribution_writes() -> None:
    variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    code = FRONT["Resources"]["ViewerRequest"]["Properties"]["FunctionCode"]
    for variable in ("AUTH_HEADER", "VISITOR_ADDRESS_HEADER"):
        condition, header, _ = variables[variable]["Fn::If"]
        assert condition == "HasFrontDoor"
        assert f'headers["{header}"] = ' in code


def test_a_quiet_stream_and_a_slow_turn_stay_below_cloudfronts_timeout() -> None:
    timeouts = {origin["Id"]: origin["CustomOriginConfig"]["OriginReadTimeout"] for origin in DISTRIBUTION["Origins"]}
    assert timeouts["stream"] > HEARTBEAT_SECONDS
    for short in ("Chat", "Upload"):
        assert timeouts[short.lower()] > RESOURCES[f"{short}Function"]["Properties"]["Timeout"]


def test_the_managed_rules_only_count_what_they_find_in_a_body() -> None:
    rules = WAF["Resources"]["WebAcl"]["Properties"]["Rules"]
    groups = [rule["Statement"]["ManagedRuleGroupStatement"] for rule in rules if "OverrideAction" in rule]
    counted = {each["Name"]: each["ActionToUse"] for group in groups for each in group.get("RuleActionOverrides", [])}
    assert counted
    assert all(name.endswith("_BODY") and action == {"Count": {}} for name, action in counted.items())
    [rate] = [rule for rule in rules if "Action" in rule]
    assert rate["Statement"]["RateBasedStatement"]["AggregateKeyType"] == "IP"
    assert WAF["Resources"]["WebAcl"]["Properties"]["Scope"] == "CLOUDFRONT"


def test_a_page_signs_in_with_a_code_and_without_a_secret_and_nobody_signs_up() -> None:
    client = SIGN_IN["Resources"]["Client"]["Properties"]
    assert client["GenerateSecret"] is False
    assert client["AllowedOAuthFlows"] == ["code"]
    pool = SIGN_IN["Resources"]["UserPool"]
    assert pool["Properties"]["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["DeletionPolicy"] == "Retain"


def test_one_key_encrypts_the_table_the_bucket_the_logs_and_the_environment() -> None:
    def chosen(key: str) -> dict[str, Any]:
        return {"Fn::If": ["HasKmsKey", {"Ref": key}, {"Ref": "AWS::NoValue"}]}

    mine = chosen("KmsKeyArn")
    assert RESOURCES["Table"]["Properties"]["SSESpecification"]["KMSMasterKeyId"] == mine
    [rule] = RESOURCES["Bucket"]["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    default = rule["ServerSideEncryptionByDefault"]
    assert default["KMSMasterKeyID"] == mine
    assert default["SSEAlgorithm"] == {"Fn::If": ["HasKmsKey", "aws:kms", "AES256"]}
    groups = [each for each in RESOURCES.values() if each["Type"] == "AWS::Logs::LogGroup"]
    assert groups
    assert all(each["Properties"]["KmsKeyId"] == mine for each in groups)
    assert TEMPLATE["Globals"]["Function"]["KmsKeyArn"] == mine
    for name in ("TurnPolicy", "UploadPolicy", "SweepPolicy"):
        assert '"Resource": {"Ref": "KmsKeyArn"}' in json.dumps(RESOURCES[name])


def test_each_function_may_reserve_its_concurrency_and_the_api_has_a_throttle() -> None:
    for short in (*BEHIND, "Sweep"):
        name = f"{short}ReservedConcurrency"
        reserved = RESOURCES[f"{short}Function"]["Properties"]["ReservedConcurrentExecutions"]
        assert reserved == {"Fn::If": [f"Has{name}", {"Ref": name}, {"Ref": "AWS::NoValue"}]}
    throttle = RESOURCES["ApiStage"]["Properties"]["DefaultRouteSettings"]
    assert throttle == {
        "ThrottlingRateLimit": {"Ref": "ApiRateLimit"},
        "ThrottlingBurstLimit": {"Ref": "ApiBurstLimit"},
    }
