"""`make smoke`: check a deployed stack from outside, end to end, and print a table.

It shows what can only be seen on the real thing: whether the edge holds small pieces of a stream back, how a stream
ends on the wire, how paths and empty answers arrive, whether CORS headers are merged, and whether a turn goes on when
its client has left. It makes threads of its own and deletes them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import httpx2

from scripts.arguments import Parser, address, given
from scripts.deployment import TIMEOUT_SECONDS, Deployment, RefusedError, base_url, hash_body
from scripts.smoke_checks import CHECKS
from scripts.smoke_checks.run import CheckError, Run, Skipped

Outcome = Literal["ok", "FAIL", "skip"]


@dataclass(frozen=True)
class Result:
    """The result of one check."""

    name: str
    outcome: Outcome
    seen: str


async def smoke(run: Run) -> list[Result]:
    """Run all checks, one after another."""
    results = []
    for name, check in CHECKS:
        try:
            results.append(Result(name, "ok", await check(run)))
        except Skipped as reason:
            results.append(Result(name, "skip", str(reason)))
        except (CheckError, RefusedError) as error:
            results.append(Result(name, "FAIL", str(error)))
        except Exception as error:
            # An unexpected answer, or none. The other checks still run.
            results.append(Result(name, "FAIL", f"{type(error).__name__}: {error}"))
    return results


def table(results: Sequence[Result]) -> str:
    """Return the results as a table."""
    width = max(len(result.name) for result in results)
    lines = [f"{result.outcome:<4}  {result.name:<{width}}  {result.seen}" for result in results]
    count = {outcome: sum(result.outcome == outcome for result in results) for outcome in ("ok", "FAIL", "skip")}
    return "\n".join([*lines, f"{count['ok']} ok, {count['FAIL']} failed, {count['skip']} skipped"])


async def _run(arguments: argparse.Namespace) -> list[Result]:
    url = base_url(arguments.url)
    stack_urls = {base_url(each) for each in (arguments.url, arguments.stream_url, arguments.upload_url) if each}
    hosts = {urlsplit(each).netloc for each in stack_urls}

    async def hashed(request: httpx2.Request) -> None:
        # The bucket gets its requests unchanged: their signatures cover each of these headers.
        if request.method == "POST" and request.url.netloc.decode() in hosts:
            request.headers |= hash_body(await request.aread())

    async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, event_hooks={"request": [hashed]}) as http:
        stack = Deployment(
            url=url,
            stream_url=base_url(arguments.stream_url or url),
            upload_url=base_url(arguments.upload_url or url),
            token=os.environ.get("SMOKE_TOKEN") or None,
            header=arguments.auth_header,
            http=http,
        )
        closed = tuple(base_url(each) for each in arguments.closed.split(",") if each)
        origin, stack_name = arguments.origin or None, arguments.stack or None
        return await smoke(Run(stack, origin, stack_name, closed, has_web_acl=arguments.waf))


def main() -> int:
    """Check the stack at the given URLs. Return 1 if a check fails."""
    parser = Parser(
        description=__doc__, epilog="The token is read from SMOKE_TOKEN, so that no list of processes shows it."
    )
    parser.add_argument(
        "--url", type=lambda text: address(given(text)), required=True, help="the stack's output ApiUrl or ChatUrl"
    )
    parser.add_argument("--stream-url", type=address, default="", help="the stack's output StreamUrl")
    parser.add_argument("--upload-url", type=address, default="", help="the stack's output UploadUrl")
    parser.add_argument("--origin", type=address, default="", help="a page's origin that ALLOWED_ORIGINS names")
    parser.add_argument("--closed", default="", help="the stack's output ClosedUrls: they must refuse every request")
    parser.add_argument("--waf", action="store_true", help="a web ACL stands before the functions")
    parser.add_argument("--stack", default="", help="the stack, to read Lambda's REPORT lines from its logs")
    parser.add_argument("--auth-header", default="authorization", help="the header that carries the token")
    results = asyncio.run(_run(parser.parse_args()))
    print(table(results))
    return int(any(result.outcome == "FAIL" for result in results))


if __name__ == "__main__":
    sys.exit(main())
