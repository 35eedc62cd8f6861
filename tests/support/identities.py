"""Identities that a request can have: the owner's, wrong ones and other people's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jwt

from assistant.identity import Caller
from tests.support.issuer import AUDIENCE, Issuer
from tests.support.tls_issuer import jwk, new_ec_key, sign

# The tables of a deployment for users and of one for visitors may be the same.
Site = Literal["users", "visitors"]
# How the identity is treated: nobody, somebody else, or an admin of another tenant.
Standing = Literal["nobody", "other", "admin"]

OWNER = Caller("acme", "ann")
VISITOR_KEY = "k" * 32
_VISITOR = "chatkit-visitors"
_LATER = 3600


@dataclass(frozen=True)
class Identity:
    """An identity of a request.

    Attributes:
        name: What it is, for the page.
        headers: Returns the headers of a request with it.
        standing: How it is treated.
        site: The deployment that it comes to.
    """

    name: str
    headers: Callable[[Issuer], dict[str, str]]
    standing: Standing = "nobody"
    site: Site = "users"


def bearer(token: str) -> dict[str, str]:
    """Return the header of a token."""
    return {"authorization": f"Bearer {token}"}


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _claims(issuer: Issuer) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(issuer.token(), options={"verify_signature": False})
    return claims


def _changed(issuer: Issuer) -> str:
    header, _, signature = issuer.token(sub="eve").split(".")
    return f"{header}.{_part(_claims(issuer))}.{signature}"


def _unsigned(issuer: Issuer) -> str:
    return f"{_part({'alg': 'none', 'kid': 'rsa'})}.{_part(_claims(issuer))}."


def _public_key_as_secret(issuer: Issuer) -> str:
    # Written by hand, because PyJWT refuses to make it.
    signed = f"{_part({'alg': 'HS256', 'kid': 'rsa'})}.{_part(_claims(issuer))}"
    digest = hmac.new(issuer.public_pem("rsa"), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _borrowed_key_id(issuer: Issuer) -> str:
    return jwt.encode(_claims(issuer), issuer.keys["stranger"], algorithm="ES256", headers={"kid": "ec"})


def _own_key_in_header(issuer: Issuer) -> str:
    key = new_ec_key()
    header = {"kid": "mine", "jwk": jwk(key), "jku": issuer.url}
    return sign(key, _claims(issuer), **header)


def visitor_token(key: str = VISITOR_KEY, user: str = "visitor_" + "0" * 32) -> str:
    """Return the token of a visitor."""
    claims = {"iss": _VISITOR, "aud": _VISITOR, "sub": user, "exp": int(time.time()) + _LATER}
    return jwt.encode(claims, key, algorithm="HS256")


def _token(name: str, standing: Standing = "nobody", **changes: Any) -> Identity:
    without = tuple(claim for claim, value in changes.items() if value is None)
    kept = {claim: value for claim, value in changes.items() if value is not None}
    return Identity(name, lambda issuer: bearer(issuer.token(without=without, **kept)), standing)


def _now(seconds: int) -> int:
    return int(time.time()) + seconds


IDENTITIES = [
    Identity("no token", lambda issuer: {}),
    Identity("text that is no token", lambda issuer: bearer("not.a.token")),
    Identity("the scheme `Basic`", lambda issuer: {"authorization": f"Basic {issuer.token()}"}),
    Identity("the token in a cookie", lambda issuer: {"cookie": f"__Host-chatkit-visitor={issuer.token()}"}),
    Identity("an expired token", lambda issuer: bearer(issuer.token(exp=_now(-_LATER)))),
    Identity("a token that is not valid yet", lambda issuer: bearer(issuer.token(nbf=_now(_LATER)))),
    _token("a token without expiry", exp=None),
    Identity("changed claims", lambda issuer: bearer(_changed(issuer))),
    Identity("another key under a known key id", lambda issuer: bearer(_borrowed_key_id(issuer))),
    Identity("the sender's key in the token's header", lambda issuer: bearer(_own_key_in_header(issuer))),
    Identity("`alg: none`", lambda issuer: bearer(_unsigned(issuer))),
    Identity("HS256 with the public key as secret", lambda issuer: bearer(_public_key_as_secret(issuer))),
    _token("a foreign issuer", iss="https://evil.example/"),
    _token("a foreign audience", aud=f"{AUDIENCE}-2"),
    _token("no tenant", tenant_id=None),
    _token("an empty tenant", tenant_id=""),
    _token("no user", sub=None),
    Identity("a visitor at a deployment for users", lambda issuer: bearer(visitor_token())),
    Identity("a visitor's token with another key", lambda issuer: bearer(visitor_token("x" * 32)), site="visitors"),
    Identity("a visitor's token for a user's id", lambda issuer: bearer(visitor_token(user="ann")), site="visitors"),
    _token("another user of the tenant", "other", sub="eve", role="user"),
    _token("a user of another tenant with the owner's name", "other", tenant_id="globex", role="user"),
    _token("a tenant whose name contains the table's separator", "other", tenant_id="acme#ann", role="user"),
    _token("an admin of another tenant", "admin", tenant_id="globex", sub="root"),
    Identity("a visitor", lambda issuer: bearer(visitor_token()), "other", "visitors"),
]
