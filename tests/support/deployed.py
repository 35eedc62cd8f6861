"""A stack on the local AWS, made by the real `sam` from a copy of the checkout."""

from __future__ import annotations

import json
import platform
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local.emulator import Emulator
from local.settings import ROOT
from local.stack import client
from tests.support.build import MACHINE
from tests.support.dev import clean_environment
from tests.support.sam import account, sam

STACK = "chatkit-test"
# What the local AWS runs the functions with, whatever runtime the template names: its own Python, of this version.
BUILD = {"ARCH": MACHINE, "PYTHON": ".".join(platform.python_version_tuple()[:2])}


@dataclass
class Deployed:
    """The stack.

    Attributes:
        root: The copy of the checkout, which a test may change.
        emulator: The local AWS.
        token: The token that requests have.
    """

    root: Path
    emulator: Emulator
    token: str | None = None

    def build(self) -> None:
        """Run `sam build`."""
        sam(self.root, "build", environment=BUILD)

    def deploy(self, *parameters: str) -> None:
        """Run `sam deploy` with these parameters, as `Name=value`; the others keep what they have."""
        overrides = ["--parameter-overrides", *parameters] if parameters else []
        flags = ["--stack-name", STACK, "--no-confirm-changeset", "--no-progressbar", *overrides]
        sam(self.root, "deploy", *flags, environment=account(self.emulator))

    @property
    def outputs(self) -> dict[str, str]:
        """What the stack prints."""
        [stack] = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def client(self, service: str) -> Any:
        """Return a boto3 client."""
        return client(service, self.emulator.endpoint_url)

    def call(
        self, output: str, path: str, body: object = None, raw: tuple[bytes, str] | None = None
    ) -> tuple[int, bytes]:
        """Send a request to the address of an output, by way of the local AWS's own port."""
        data = raw[0] if raw else json.dumps(body).encode() if body is not None else None
        headers = {"Host": urlsplit(self.outputs[output]).netloc}
        headers |= self.authorization
        if data is not None:
            headers["Content-Type"] = raw[1] if raw else "application/json"
        request = urllib.request.Request(f"{self.emulator.endpoint_url}{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                status, answer = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, answer = error.code, error.read()
        return _unwrapped(status, answer)

    @property
    def authorization(self) -> dict[str, str]:
        """The header with the token."""
        return {} if self.token is None else {"Authorization": f"Bearer {self.token}"}

    def address(self, output: str) -> str:
        """Return the address of a function's URL in the form that needs no name server."""
        name, _, _ = urlsplit(self.outputs[output]).netloc.partition(".")
        return f"{self.emulator.endpoint_url}/_aws/lambda-url/{name}"

    def make(self, target: str, **variables: str) -> str:
        """Run one of the operator's commands and return what it prints; an exit code other than 0 fails the test."""
        command = ["make", "--silent", target, *(f"{name}={value}" for name, value in variables.items())]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=clean_environment(**account(self.emulator)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def chat(self, operation: str, **parameters: Any) -> Any:
        """Send an operation that is answered at once to the HTTP API."""
        status, answer = self.call("ApiUrl", "/chatkit/api", {"type": operation, "params": parameters})
        assert status == HTTPStatus.OK, answer
        return json.loads(answer)

    def functions(self) -> dict[str, str]:
        """Return the full name of each function, by its name in the template."""
        named = [each["FunctionName"] for each in self.client("lambda").list_functions()["Functions"]]
        return {name.split("-")[2]: name for name in named}

    def live_versions(self) -> dict[str, str]:
        """Return the version that each function's alias stands for."""
        functions = self.client("lambda")
        return {
            short: functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
            for short, name in self.functions().items()
        }

    def layers(self, versions: dict[str, str]) -> set[str]:
        """Return the layer's versions that these versions of the functions were published with."""
        functions, names = self.client("lambda"), self.functions()
        found = set()
        for short, version in versions.items():
            published = functions.get_function_configuration(FunctionName=names[short], Qualifier=version)
            [layer] = published["Layers"]
            found.add(layer["Arn"])
        return found

    def stored(self) -> set[str]:
        """Return the keys of the files in the bucket."""
        listed = self.client("s3").list_objects_v2(Bucket=self.outputs["BucketName"])
        return {each["Key"] for each in listed.get("Contents", [])}


def _unwrapped(status: int, answer: bytes) -> tuple[int, bytes]:
    """The local AWS sends what a URL's plain handler returns as it is, when the URL streams."""
    try:
        loaded = json.loads(answer)
    except ValueError:
        return status, answer
    if isinstance(loaded, dict) and "statusCode" in loaded:
        return loaded["statusCode"], loaded["body"].encode()
    return status, answer
