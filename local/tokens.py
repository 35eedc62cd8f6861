"""Bearer tokens for this machine's dev server, signed with its own key.

python -m local.tokens --user ann --tenant acme --role admin
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.settings import DevSettingsError, load_dev_settings, read_environment

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

ISSUER = "https://dev.invalid/"
AUDIENCE = "chatkit-dev"
ALGORITHM = "ES256"
# A token is valid for a working day.
LIFETIME_SECONDS = 24 * 3600
KEY_FILE = "token-key.pem"


def signing_key(folder: Path) -> EllipticCurvePrivateKey:
    """Return the folder's private key. The first call creates it. Only the file's owner can read it."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    path = folder / KEY_FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        # Link the complete file, so that two first calls at the same time return the same key.
        draft = folder / f"{KEY_FILE}.{secrets.token_hex(8)}"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} is no elliptic curve key: remove it, and another is made.")
    return key


def key_set(folder: Path) -> dict[str, Any]:
    """Return the public key as a JSON Web Key Set."""
    from jwt.algorithms import ECAlgorithm

    jwk = json.loads(ECAlgorithm.to_jwk(signing_key(folder).public_key()))
    return {"keys": [jwk | {"kid": _key_id(jwk), "use": "sig", "alg": ALGORITHM}]}


def _key_id(jwk: Mapping[str, str]) -> str:
    return jwk["x"][:16]


def issue_token(
    folder: Path, *, user: str, tenant: str, role: str, lifetime: int = LIFETIME_SECONDS, name: str | None = None
) -> str:
    """Return a signed token.

    Args:
        folder: The folder of the dev server's key (`DevSettings.keys`).
        user: The token's subject.
        tenant: The claim `tenant_id`.
        role: The claim `role`.
        lifetime: Seconds until it expires; negative for one that already has.
        name: The claim `name`; by default the subject in title case.
    """
    import jwt

    now = int(time.time())
    claims: dict[str, str | int] = {"iss": ISSUER, "aud": AUDIENCE, "sub": user, "tenant_id": tenant, "role": role}
    claims |= {"name": name or user.title(), "iat": now, "exp": now + lifetime}
    [key] = key_set(folder)["keys"]
    return jwt.encode(claims, signing_key(folder), algorithm=ALGORITHM, headers={"kid": key["kid"]})


class KeySetServer:
    """Serves the key set on a free port of 127.0.0.1, like an identity provider.

    It is a server of its own because a function that asked its own process for keys would wait for itself.
    """

    def __init__(self, folder: Path) -> None:
        body = json.dumps(key_set(folder)).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(HTTPStatus.OK)
                self.send_header("Content-Type", "application/jwk-set+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base's name
                """Log nothing, because these requests come from the dev server itself."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, name="key-set", daemon=True).start()

    def environment(self) -> dict[str, str]:
        """Return the settings that make the functions accept this key's tokens."""
        return {
            "AUTH_JWKS_URL": f"http://127.0.0.1:{self._server.server_port}/jwks.json",
            "AUTH_ISSUER": ISSUER,
            "AUTH_AUDIENCE": AUDIENCE,
            "AUTH_ALGORITHMS": ALGORITHM,
        }

    def stop(self) -> None:
        """Close the server."""
        self._server.shutdown()
        self._server.server_close()


def main() -> None:
    """Print a token."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--user", required=True)
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--role", required=True)
    arguments = parser.parse_args()
    if not (arguments.user and arguments.tenant):
        parser.error("a token names a user and a tenant")
    try:
        folder = load_dev_settings(read_environment()).keys
    except DevSettingsError as error:
        sys.exit(str(error))
    print(issue_token(folder, user=arguments.user, tenant=arguments.tenant, role=arguments.role))


if __name__ == "__main__":
    main()
