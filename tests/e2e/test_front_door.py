"""`sam deploy` with a front door, a created user pool and a KMS key, on a local AWS that enforces IAM.

The local AWS runs the distribution's viewer function and chooses its origins, but signs nothing. So the test sends the
header that CloudFront would put in place of the caller's.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.emulator import Emulator
from tests.support.deployed import Deployed
from tests.support.sam import checkout
from tests.support.snippet import expected_of_snippet, sent_by_snippet

pytestmark = pytest.mark.exhaustive

VISITOR_KEY = "chatkit/visitors"
VISITORS = ["AuthMode=visitor", f"VisitorKeySecret={VISITOR_KEY}"]
SIGNED = "AWS4-HMAC-SHA256 Credential=test/20261130/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=00"
FORM = "multipart/form-data; boundary=frame"
FILE = (
    b'--frame\r\nContent-Disposition: form-data; name="file"; filename="notes.txt"\r\nContent-Type: text/plain\r\n\r\n'
    b"Buy a heron\r\n--frame--\r\n"
)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("front")
    with Emulator(folder / "aws") as emulator:
        made = Deployed(checkout(folder / "checkout"), emulator)
        made.client("secretsmanager").create_secret(Name=VISITOR_KEY, SecretString="k" * 32)
        made.build()
        yield made


def test_behind_the_front_door_and_without_it(deployment: Deployed) -> None:
    # One story in order: each deploy stands on the one before.
    key = deployment.client("kms").create_key()["KeyMetadata"]["Arn"]
    front = ["FrontDoor=cloudfront", "Waf=create", "BasePath=/assistant", "CognitoUserPool=create", f"KmsKeyArn={key}"]
    deployment.deploy(*VISITORS, *front)
    closed = deployment.outputs["ClosedUrls"].split(",")
    _the_function_urls_refuse_everybody(deployment, closed)
    assert not deployment.client("apigatewayv2").get_apis()["Items"]
    _the_distribution_signs_and_has_the_web_acl(deployment)
    _a_visitor_talks_through_the_distribution(deployment)
    _the_snippet_sends_each_request_to_its_path(deployment)
    _the_functions_accept_the_tokens_of_the_created_pool(deployment)
    _a_key_encrypts_the_logs_and_nobody_deletes_the_table(deployment, key)

    # Without the door, the same URLs are open again, and the HTTP API has a stage.
    deployment.deploy(*VISITORS, "FrontDoor=none", "Waf=none", "ApiStageName=prod")
    assert deployment.outputs["ChatUrl"] == closed[0]
    assert deployment.outputs["ApiUrl"].endswith("/prod/assistant/")
    for output, path in (("ApiUrl", "/prod/assistant"), ("ChatUrl", ""), ("ChatUrl", "/assistant")):
        status, answer = deployment.call(output, f"{path}/chatkit/api/visitor", {})
        assert status == HTTPStatus.OK, (output, path, answer)
    status, answer = deployment.call("ApiUrl", "/prod/assistant/chatkit/api/upload", raw=(FILE, FORM))
    assert status == HTTPStatus.UNAUTHORIZED, answer
    [api] = deployment.client("apigatewayv2").get_apis()["Items"]
    [stage] = deployment.client("apigatewayv2").get_stages(ApiId=api["ApiId"])["Items"]
    assert stage["StageName"] == "prod"


def test_what_cannot_work_is_refused_before_anything_is_made(deployment: Deployed) -> None:
    for parameters, message in (
        (["FrontDoor=none", "Waf=create"], "needs FrontDoor=cloudfront"),
        (["FrontDoor=cloudfront", "FrontDomain=chat.example.com"], "FrontDomain needs FrontCertificateArn"),
    ):
        with pytest.raises(AssertionError, match=message):
            deployment.deploy(*parameters)


def _the_function_urls_refuse_everybody(deployment: Deployed, closed: list[str]) -> None:
    assert len(closed) == 3
    for url in closed:
        assert _send(deployment, url, "chatkit/api/usage")[0] == HTTPStatus.FORBIDDEN


def _the_distribution_signs_and_has_the_web_acl(deployment: Deployed) -> None:
    cloudfront = deployment.client("cloudfront")
    [summary] = cloudfront.list_distributions()["DistributionList"]["Items"]
    config = cloudfront.get_distribution_config(Id=summary["Id"])["DistributionConfig"]
    [access] = cloudfront.list_origin_access_controls()["OriginAccessControlList"]["Items"]
    assert {origin["OriginAccessControlId"] for origin in config["Origins"]["Items"]} == {access["Id"]}
    [acl] = deployment.client("wafv2").list_web_acls(Scope="CLOUDFRONT")["WebACLs"]
    assert config["WebACLId"] == acl["ARN"]


def _a_visitor_talks_through_the_distribution(deployment: Deployed) -> None:
    api, stream = deployment.outputs["ApiUrl"], deployment.outputs["StreamUrl"]
    assert stream == f"{api}stream/"
    status, answer = _send(deployment, api, "chatkit/api/visitor", b"{}", authorization=SIGNED)
    assert status == HTTPStatus.OK, answer
    headers = {"authorization": SIGNED, "x-authorization": f"Bearer {json.loads(answer)['token']}"}
    message = json.dumps({"message": {"content": "hello"}}).encode()
    for url in (api, stream):
        status, answer = _send(deployment, url, "chatkit/api", message, **headers)
        assert status == HTTPStatus.OK, answer
        assert b"done" in answer
    status, answer = _send(deployment, api, "chatkit/api/upload", FILE, **{**headers, "content-type": FORM})
    # The local AWS speaks plain HTTP, which the bucket's policy refuses.
    assert (status, json.loads(answer)["error"]["code"]) == (HTTPStatus.SERVICE_UNAVAILABLE, "store_unavailable")
    # The token alone, in the header that CloudFront overwrites, reaches no function here.
    status, _ = _send(deployment, api, "chatkit/api", message, authorization=headers["x-authorization"])
    assert status == HTTPStatus.FORBIDDEN


def _the_snippet_sends_each_request_to_its_path(deployment: Deployed) -> None:
    sent = sent_by_snippet(deployment.outputs["FrontendSnippet"])
    assert sent == expected_of_snippet(deployment.outputs["StreamUrl"], deployment.outputs["ApiUrl"])


def _the_functions_accept_the_tokens_of_the_created_pool(deployment: Deployed) -> None:
    cognito = deployment.client("cognito-idp")
    [pool] = cognito.list_user_pools(MaxResults=10)["UserPools"]
    [page] = cognito.list_user_pool_clients(UserPoolId=pool["Id"])["UserPoolClients"]
    configuration = deployment.client("lambda").get_function_configuration(
        FunctionName=deployment.functions()["ChatFunction"], Qualifier="live"
    )
    variables = configuration["Environment"]["Variables"]
    assert variables["AUTH_PRESET"] == "cognito"
    assert variables["AUTH_ISSUER"].endswith(f"/{pool['Id']}")
    assert variables["AUTH_AUDIENCE"] == page["ClientId"] == deployment.outputs["SignInClientId"]
    assert variables["AUTH_TENANT"] == "chatkit-test"
    described = cognito.describe_user_pool_client(UserPoolId=pool["Id"], ClientId=page["ClientId"])["UserPoolClient"]
    assert "ClientSecret" not in described
    domain = urlsplit(deployment.outputs["SignInUrl"]).netloc.partition(".")[0]
    assert cognito.describe_user_pool_domain(Domain=domain)["DomainDescription"]["UserPoolId"] == pool["Id"]


def _a_key_encrypts_the_logs_and_nobody_deletes_the_table(deployment: Deployed, key: str) -> None:
    table = deployment.client("dynamodb").describe_table(TableName=deployment.outputs["TableName"])["Table"]
    assert table["DeletionProtectionEnabled"]
    # The local AWS keeps no key of a table and of a bucket. tests/unit/test_stacks.py compares the template.
    groups: list[dict[str, Any]] = deployment.client("logs").describe_log_groups(logGroupNamePrefix="/chatkit/")[
        "logGroups"
    ]
    assert {group["kmsKeyId"] for group in groups} == {key}


def _send(deployment: Deployed, url: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    """Send a request to a URL of the stack, by way of the local AWS's own port."""
    parts = urlsplit(url)
    sent = {"Content-Type": "application/json", **headers, "Host": parts.netloc, "X-Forwarded-Proto": "https"}
    request = urllib.request.Request(f"{deployment.emulator.endpoint_url}{parts.path}{path.lstrip('/')}", body, sent)
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
