"""A Cognito user pool with its sign-in pages, made by the stack's own template on a local AWS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from local.emulator import Emulator
from local.settings import ROOT
from local.stack import client

PASSWORD = "Correct-horse-7"
_STACK = "sign-in"


@dataclass(frozen=True)
class UserPool:
    """The pool.

    Attributes:
        url: The address of the sign-in pages.
        issuer: The issuer of the tokens.
        jwks_url: The address of its keys.
        client_id: The page's client id.
    """

    url: str
    issuer: str
    jwks_url: str
    client_id: str
    _cognito: Any

    def add_user(self, email: str) -> None:
        """Add a user who has set a password."""
        given = {"UserPoolId": self._id, "Username": email}
        attributes = [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]
        self._cognito.admin_create_user(**given, UserAttributes=attributes, MessageAction="SUPPRESS")
        self._cognito.admin_set_user_password(**given, Password=PASSWORD, Permanent=True)

    def sign_out_everywhere(self, email: str) -> None:
        """Revoke all tokens of a user."""
        self._cognito.admin_user_global_sign_out(UserPoolId=self._id, Username=email)

    @property
    def _id(self) -> str:
        return self.issuer.rpartition("/")[2]


def deploy_user_pool(emulator: Emulator, page: str) -> UserPool:
    """Deploy `stacks/sign_in.yaml` for a page."""
    cloudformation = client("cloudformation", emulator.endpoint_url)
    cloudformation.create_stack(
        StackName=_STACK,
        TemplateBody=(ROOT / "stacks" / "sign_in.yaml").read_text(),
        Parameters=[
            {"ParameterKey": "Name", "ParameterValue": _STACK},
            {"ParameterKey": "Pages", "ParameterValue": page},
        ],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=_STACK)
    [stack] = cloudformation.describe_stacks(StackName=_STACK)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    # The local AWS serves the pages and the keys of all its pools at its own address.
    pool = outputs["Issuer"].rpartition("/")[2]
    return UserPool(
        url=emulator.endpoint_url,
        issuer=outputs["Issuer"],
        jwks_url=f"{emulator.endpoint_url}/{pool}/.well-known/jwks.json",
        client_id=outputs["ClientId"],
        _cognito=client("cognito-idp", emulator.endpoint_url),
    )
