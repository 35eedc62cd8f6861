"""A token issuer with real keys. It serves the public keys as a JWKS on 127.0.0.1."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ISSUER = "https://issuer.example/"
AUDIENCE = "chat"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass
class Issuer:
    """The keys, and what it publishes.

    Attributes:
        url: Where the key set is.
        keys: Private keys by their id; those in `published` are in the set.
        fetches: How often the set was asked for.
        broken: Whether it answers 500.
        page: What it answers in place of the set, such as a proxy's page.
    """

    url: str = ""
    keys: dict[str, PrivateKey] = field(default_factory=dict)
    published: list[str] = field(default_factory=list)
    fetches: int = 0
    broken: bool = False
    page: bytes | None = None

    def key_set(self) -> dict[str, Any]:
        """Return the JSON Web Key Set."""
        return {"keys": [self._jwk(key_id) for key_id in self.published]}

    def _jwk(self, key_id: str) -> dict[str, Any]:
        key = self.keys[key_id]
        if isinstance(key, rsa.RSAPrivateKey):
            return {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": key_id, "use": "sig"}
        return {**json.loads(ECAlgorithm.to_jwk(key.public_key())), "kid": key_id, "use": "sig"}

    def public_pem(self, key_id: str) -> bytes:
        """Return a public key as everybody can get it."""
        return (
            self.keys[key_id]
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )

    def token(self, key_id: str = "rsa", *, without: tuple[str, ...] = (), **changes: Any) -> str:
        """Return a token of the user `ann` of `acme`, with claims changed or left out."""
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "ann",
            "tenant_id": "acme",
            "role": "admin",
            "exp": int(time.time()) + 300,
            **changes,
        }
        for name in without:
            del claims[name]
        key = self.keys[key_id]
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": key_id})


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """Run an issuer with an RSA and an elliptic curve key."""
    issuer = Issuer(
        keys={
            "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "ec": ec.generate_private_key(ec.SECP256R1()),
            "stranger": ec.generate_private_key(ec.SECP256R1()),
        },
        published=["rsa", "ec"],
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.fetches += 1
            body = issuer.page or json.dumps(issuer.key_set()).encode()
            self.send_response(500 if issuer.broken else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        issuer.url = f"http://127.0.0.1:{server.server_address[1]}/jwks.json"
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
