"""A frontend's snippet that makes a router, run in Node on the router that the playground uses."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from local.settings import ROOT

ROUTER = ROOT / "local/playground/page/router/index.js"
READ = {"type": "threads.list", "params": {}}
MESSAGE = {"type": "threads.create", "params": {"input": {"content": [], "attachments": []}}}
BUCKET = "https://bucket.example.com/a"


def sent_by_snippet(snippet: str, **constants: str) -> list[dict[str, Any]]:
    """Return the requests that ChatKit's `fetch` sends for a message, a reading and a file.

    Args:
        snippet: JavaScript that calls `createRouter` and `useChatKit`.
        constants: Names that the snippet uses, such as `STREAM_URL`.
    """
    script = f"""
        import {{ createRouter }} from {json.dumps(ROUTER.as_uri())};
        const sent = [];
        globalThis.fetch = async (url, init) => {{
            const headers = new Headers(init.headers);
            sent.push({{ url, token: headers.get("authorization"), keyed: headers.has("idempotency-key") }});
            return new Response("{{}}");
        }};
        {"".join(f"const {name} = {json.dumps(value)};" for name, value in constants.items())}
        const token = "secret", auth = {{ token: async () => token }};
        let api;
        const useChatKit = (options) => {{ api = options.api; return {{}}; }};
        {snippet}
        const post = (body) => api.fetch(api.url, {{ method: "POST", body: JSON.stringify(body) }});
        await post({json.dumps(MESSAGE)});
        await post({json.dumps(READ)});
        await api.fetch({json.dumps(BUCKET)}, {{ method: "PUT" }});
        console.log(JSON.stringify(sent));
    """
    node = [str(ROOT / ".venv" / "bin" / "node"), "--input-type=module", "-e", script]
    done = subprocess.run(node, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sent: list[dict[str, Any]] = json.loads(done.stdout)
    return sent


def expected_of_snippet(stream_url: str, api_url: str) -> list[dict[str, Any]]:
    """Return what it should send: a message to the stream, a reading to the API, and to the bucket no token."""
    return [
        {"url": f"{stream_url}chatkit/api", "token": "Bearer secret", "keyed": True},
        {"url": f"{api_url}chatkit/api", "token": "Bearer secret", "keyed": False},
        {"url": BUCKET, "token": None, "keyed": False},
    ]
