"""What is asked of a front door: it is the only way in, and it keeps no answer."""

from __future__ import annotations

from http import HTTPStatus

from scripts.deployment import ENDPOINT
from scripts.smoke_checks.run import Run, Skipped, expect


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
