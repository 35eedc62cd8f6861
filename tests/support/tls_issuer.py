"""An identity provider on HTTPS that a test makes slow, silent, wrong or different."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.support.tls import Authority

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Answer = Callable[[BaseHTTPRequestHandler], None]


def new_rsa_key() -> rsa.RSAPrivateKey:
    """Return a new RSA key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def new_ec_key() -> ec.EllipticCurvePrivateKey:
    """Return a new key for ES256."""
    return ec.generate_private_key(ec.SECP256R1())


def jwk(key: PrivateKey, **members: Any) -> dict[str, Any]:
    """Return a public key as a JWK: `jwk(key, kid="1", use="sig")`."""
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    made: dict[str, Any] = json.loads(algorithm.to_jwk(key.public_key()))  # type: ignore[arg-type] # each has its own
    made.pop("key_ops", None)
    return {**made, **members}


def sign(key: PrivateKey, claims: dict[str, Any], **header: Any) -> str:
    """Return a token: `sign(key, {"sub": "ann"}, kid="1")`."""
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    return jwt.encode(claims, key, algorithm=algorithm, headers=header)


@dataclass
class TlsIssuer:
    """What the provider publishes and how it behaves.

    Attributes:
        origin: Its address, such as `https://127.0.0.1:4321`.
        documents: The key sets by path.
        fetches: How many requests have arrived.
        answer: Answers a request in place of the document.
        gate: Requests wait until it is set.
        arrived: Released with each request that has arrived.
    """

    origin: str = ""
    documents: dict[str, Any] = field(default_factory=dict)
    fetches: int = 0
    answer: Answer | None = None
    gate: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def publish(self, *keys: dict[str, Any], path: str = "/.well-known/jwks.json") -> str:
        """Publish these keys as a key set, and return its URL."""
        self.documents[path] = {"keys": list(keys)}
        return self.origin + path


def reply(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    """Send a whole answer."""
    handler.send_response(status)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def running_tls_issuer(authority: Authority) -> Iterator[TlsIssuer]:
    """Run a provider on a free port of 127.0.0.1."""
    issuer = TlsIssuer()
    issuer.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.fetches += 1
            issuer.arrived.release()
            issuer.gate.wait()
            # A client that has given up has closed the connection.
            with suppress(OSError):
                if issuer.answer is not None:
                    issuer.answer(self)
                elif self.path in issuer.documents:
                    reply(self, json.dumps(issuer.documents[self.path]).encode())
                else:
                    reply(self, b"{}", 404)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Say nothing: a client that distrusts the certificate closes the connection."""

    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = authority.server.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        issuer.origin = f"https://127.0.0.1:{server.server_address[1]}"
        try:
            yield issuer
        finally:
            issuer.gate.set()
            server.shutdown()
            thread.join()
