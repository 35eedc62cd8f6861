"""What is asked of the addresses as such: who is let in, and what arrives as it was sent."""

from __future__ import annotations

from http import HTTPStatus

from scripts.deployment import ENDPOINT
from scripts.smoke_checks.run import FILE, Run, Skipped, expect

FOREIGN_ORIGIN = "https://not-allowed.invalid"


async def health(run: Run) -> str:
    """The functions run."""
    for stream in (False, True):
        answer = await run.stack.get("/health", stream=stream)
        expect(answer.status_code == HTTPStatus.OK, f"HTTP {answer.status_code}")
        run.provider = answer.json()["provider"]
    return f"provider {run.provider}"


async def no_token(run: Run) -> str:
    """Without a token nothing is answered."""
    answer = await run.stack.get(f"{ENDPOINT}/usage")
    if answer.status_code == HTTPStatus.OK:
        raise Skipped("THIS DEPLOYMENT LETS GUESTS IN")
    expect(answer.status_code == HTTPStatus.UNAUTHORIZED, f"HTTP {answer.status_code}")
    expect("www-authenticate" in answer.headers, "401 without www-authenticate")
    return "401"


async def bad_token(run: Run) -> str:
    """A token that does not verify is refused, by every function."""
    bad = {run.stack.header: "Bearer not.a.token"}
    for url in (run.stack.url, run.stack.stream_url):
        answer = await run.stack.http.get(f"{url}{ENDPOINT}/usage", headers=bad)
        expect(answer.status_code == HTTPStatus.UNAUTHORIZED, f"HTTP {answer.status_code} at {url}")
    upload = await run.stack.http.post(
        f"{run.stack.upload_url}{ENDPOINT}/upload", files={"file": ("a.txt", FILE, "text/plain")}, headers=bad
    )
    expect(upload.status_code == HTTPStatus.UNAUTHORIZED, f"HTTP {upload.status_code} of upload")
    return "401 of all three"


async def cors(run: Run) -> str:
    """A page of an allowed origin may call, one of another may not; each header comes once."""
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    urls = {run.stack.url, run.stack.stream_url, run.stack.upload_url}
    for url in urls:
        answer = await run.stack.http.options(f"{url}{ENDPOINT}", headers={"origin": FOREIGN_ORIGIN, **asked})
        allowed = answer.headers.get_list("access-control-allow-origin")
        expect(not allowed, f"{url} lets {allowed} in")
    if run.origin is None:
        return "a foreign page is refused (give ORIGIN= to check one of yours)"
    for url in urls:
        path = f"{ENDPOINT}/upload" if url == run.stack.upload_url else ENDPOINT
        preflight = await run.stack.http.options(f"{url}{path}", headers={"origin": run.origin, **asked})
        expect(preflight.is_success, f"preflight of {url}: HTTP {preflight.status_code}")
        answer = await run.stack.http.get(f"{url}/health", headers={"origin": run.origin})
        for each in (preflight, answer):
            allowed = each.headers.get_list("access-control-allow-origin", split_commas=True)
            expect(allowed == [run.origin], f"access-control-allow-origin of {url} is {allowed}")
    return f"{run.origin} is let in, once; a foreign page is refused"


async def empty_bodies(run: Run) -> str:
    """Answers without a body arrive, and end."""
    seen = []
    for url in dict.fromkeys((run.stack.url, run.stack.stream_url)):
        answer = await run.stack.http.head(f"{url}/health")
        expect(answer.content == b"", "HEAD was answered with a body")
        seen.append(f"HEAD {answer.status_code}")
    return ", ".join(seen)


async def raw_path(run: Run) -> str:
    """Paths arrive as they were sent: encoded characters reach their route, an unknown path is the function's 404."""
    for url in dict.fromkeys((run.stack.url, run.stack.stream_url)):
        answer = await run.stack.http.get(f"{url}/chatkit/%61pi/usage", headers=run.stack.credentials)
        expect(answer.status_code == HTTPStatus.OK, f"/chatkit/%61pi/usage at {url}: HTTP {answer.status_code}")
        answer = await run.stack.http.get(f"{url}/chatkit/no%2Fsuch%20p%C3%A4ge")
        expect(answer.status_code == HTTPStatus.NOT_FOUND, f"an unknown path at {url}: HTTP {answer.status_code}")
        expect(answer.json()["error"]["code"] == "not_found", f"an unknown path at {url}: {answer.text[:200]}")
    return "/chatkit/%61pi/usage is known; an unknown path is our own 404"
