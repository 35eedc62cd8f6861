"""What is asked of a front door: its certificate, its web ACL, that it is the only way in, that it keeps no answer."""

from __future__ import annotations

import asyncio
import socket
import ssl
from http import HTTPStatus
from time import time
from urllib.parse import urlsplit

from scripts.deployment import ENDPOINT, TIMEOUT_SECONDS
from scripts.smoke_checks.run import Run, Skipped, expect

HTTPS_PORT = 443
# ACM renews a certificate 60 days before its end. One that ends sooner than this is not being renewed.
LEAST_DAYS = 14
SECONDS_IN_A_DAY = 86_400
# The common rules of AWS block the path of a file in a query, and ours only count what they find in a body.
# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
ATTACK = "page=../../../../etc/passwd"
HARMLESS = "<script>alert('a question about an attack')</script>"


async def certificate(run: Run) -> str:
    """Each address has a certificate that its clients accept, and that does not end soon."""
    hosts = {urlsplit(url) for url in (run.stack.url, run.stack.stream_url, run.stack.upload_url)}
    places = {(host.hostname or "", host.port or HTTPS_PORT) for host in hosts if host.scheme == "https"}
    if not places:
        raise Skipped("the addresses have no TLS")
    days, version = min([await asyncio.to_thread(_handshake, *place) for place in sorted(places)])
    expect(days >= LEAST_DAYS, f"a certificate ends in {days:.0f} days")
    return f"{version}, valid for {days:.0f} days"


def _handshake(host: str, port: int) -> tuple[float, str]:
    """Return the days that a host's certificate is still valid, and the version of TLS."""
    context = ssl.create_default_context()
    with (
        socket.create_connection((host, port), TIMEOUT_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        ends = ssl.cert_time_to_seconds(str((secure.getpeercert() or {})["notAfter"]))
        return (ends - time()) / SECONDS_IN_A_DAY, secure.version() or ""


async def web_acl(run: Run) -> str:
    """The web ACL stops an attack in the address, and no user who writes about one."""
    if not run.has_web_acl:
        raise Skipped("WAF was not given: this deployment has no web ACL")
    for url in {run.stack.url, run.stack.stream_url}:
        answer = await run.stack.http.get(f"{url}/health?{ATTACK}")
        expect(answer.status_code == HTTPStatus.FORBIDDEN, f"HTTP {answer.status_code} to an attack at {url}")
        body = {"type": "threads.list", "params": {}, "metadata": {"note": HARMLESS}}
        answer = await run.stack.http.post(f"{url}{ENDPOINT}", json=body, headers=run.stack.credentials)
        expect(answer.status_code == HTTPStatus.OK, f"HTTP {answer.status_code} to a user's text at {url}")
    return "403 to an attack, 200 to a text about one"


async def only_way_in(run: Run) -> str:
    """The function URLs refuse everybody but the front door, with a token too."""
    if not run.closed:
        raise Skipped("CLOSED was not given: this deployment has no front door")
    for url in run.closed:
        for headers in ({}, run.stack.credentials):
            answer = await run.stack.http.get(f"{url}/health", headers=headers)
            expect(answer.status_code == HTTPStatus.FORBIDDEN, f"HTTP {answer.status_code} at {url}")
    return f"403 of {len(run.closed)} function URLs"


async def nothing_cached(run: Run) -> str:
    """Each caller gets an answer of their own: the same address is answered with a token, and refused without one."""
    url = f"{run.stack.url}{ENDPOINT}/usage"
    for _ in range(2):
        answer = await run.stack.http.get(url, headers=run.stack.credentials)
        expect(answer.status_code == HTTPStatus.OK, f"HTTP {answer.status_code} with the token")
        cache = answer.headers.get("x-cache", "")
        expect(not cache.lower().startswith("hit"), f"a cache has answered: {cache}")
        refused = await run.stack.http.get(url, headers={run.stack.header: "Bearer not.a.token"})
        expect(refused.status_code == HTTPStatus.UNAUTHORIZED, f"HTTP {refused.status_code} with a bad token")
    return "no answer comes from a cache"
