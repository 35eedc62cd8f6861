"""The router's requests, one by one, in Node: what a browser test would need a cloud or much time for."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from typing import Any

from local.settings import ROOT
from tests.support.snippet import ROUTER

STREAM, API = "https://stream.example.com/chatkit/api", "https://api.example.com/chatkit/api"
SETUP = f"""
    import {{ createRouter }} from {json.dumps(ROUTER.as_uri())};
    const urls = {{ streamUrl: "https://stream.example.com/", apiUrl: "https://api.example.com/" }};
    const sent = [], answers = [];
    globalThis.fetch = async (url, init = {{}}) => {{
      const request = new Request(url, {{ ...init, duplex: "half" }});
      const headers = Object.fromEntries(request.headers);
      sent.push({{ url, headers, body: Buffer.from(await request.arrayBuffer()).toString("base64") }});
      const answer = answers.shift() ?? 200;
      if (typeof answer === "string") return new Response(answer);
      return new Response("{{}}", {{ status: answer }});
    }};
    const WHOLE = 'data: {{"type":"thread.created","thread":{{"id":"thr_1"}}}}\\n\\ndata: {{"type":"end"}}\\n\\n';
    const body = (text, frame = "f") => ({{
      method: "POST",
      headers: {{ "content-type": "application/json", "chatkit-frame-instance-id": frame }},
      body: JSON.stringify({{ type: "threads.create", params: {{ input: {{ content: [{{ text }}] }} }} }}),
    }});
    const read = {{ method: "POST", body: JSON.stringify({{ type: "threads.list", params: {{}} }}) }};
    const say = async (router, ...given) => (await router.fetch(router.api("key").url, body(...given))).text();
"""


def run(script: str) -> list[dict[str, Any]]:
    """Run a script that uses a router, and return the requests that left it."""
    code = f"{SETUP}{script}\nconsole.log(JSON.stringify(sent));"
    node = [str(ROOT / ".venv" / "bin" / "node"), "--input-type=module", "-e", code]
    done = subprocess.run(node, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sent: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return sent


def keys(sent: list[dict[str, Any]]) -> list[int]:
    """Return the keys of requests as numbers, in the order in which they first come."""
    names = [each["headers"]["idempotency-key"] for each in sent]
    return [list(dict.fromkeys(names)).index(name) for name in names]


def test_attempts_share_a_key_until_the_answer_is_whole() -> None:
    sent = run(
        """
        const router = createRouter(urls);
        answers.push(502, WHOLE.slice(0, -9), WHOLE, WHOLE);
        for (let attempt = 0; attempt < 4; attempt++) await say(router, "hello");
        """
    )
    assert keys(sent) == [0, 0, 0, 1]


def test_other_words_another_frame_and_a_click_have_keys_of_their_own() -> None:
    sent = run(
        """
        const router = createRouter(urls);
        answers.push(502, 502, 502, 502);
        await say(router, "hello");
        await say(router, "hello again");
        await say(router, "hello", "another");
        const click = { type: "threads.custom_action", params: { thread_id: "thr_1", action: { type: "go" } } };
        await router.fetch(router.api("key").url, { method: "POST", body: JSON.stringify(click) });
        """
    )
    assert keys(sent) == [0, 1, 2, 3]
    assert {each["url"] for each in sent} == {STREAM}


def test_requests_that_are_refused_together_share_one_new_token() -> None:
    sent = run(
        """
        const asked = [];
        const token = async ({ refresh }) => { asked.push(refresh); return refresh ? "new" : "old"; };
        const router = createRouter({ ...urls, token });
        answers.push(401, 401);
        const url = router.api("key").url;
        await Promise.all([router.fetch(url, read), router.fetch(url, read)]);
        if (asked.filter(Boolean).length !== 1) throw new Error(`asked ${asked}`);
        """
    )
    assert [each["headers"]["authorization"] for each in sent] == ["Bearer old"] * 2 + ["Bearer new"] * 2


def test_a_second_401_is_passed_on() -> None:
    sent = run(
        """
        const router = createRouter({ ...urls, token: ({ refresh }) => (refresh ? "new" : "old") });
        answers.push(401, 401);
        const response = await router.fetch(router.api("key").url, read);
        if (response.status !== 401) throw new Error(`got ${response.status}`);
        """
    )
    assert len(sent) == 2


def test_the_hash_covers_the_bytes_that_are_sent_and_the_token_stands_where_it_is_asked_for() -> None:
    sent = run(
        """
        const router = createRouter({ ...urls, contentSha256: true, tokenHeader: "x-authorization", token: () => "t" });
        await router.fetch(router.api("key").url, read);
        const form = new FormData();
        form.append("file", new Blob(["words"]), "a.txt");
        await router.fetch("https://api.example.com/chatkit/api/upload", { method: "POST", body: form });
        await router.fetch("https://api.example.com/chatkit/api/visitor", { method: "POST" });
        await router.fetch("https://bucket.example.com/a", { method: "PUT", body: "words" });
        """
    )
    *ours, bucket = sent
    for each in ours:
        digest = hashlib.sha256(base64.b64decode(each["body"])).hexdigest()
        assert each["headers"]["x-amz-content-sha256"] == digest
        assert each["headers"]["x-authorization"] == "Bearer t"
        assert "authorization" not in each["headers"]
    assert ours[1]["headers"]["content-type"].startswith("multipart/form-data; boundary=")
    assert not {"x-authorization", "authorization", "x-amz-content-sha256"} & bucket["headers"].keys()


def test_an_answer_too_large_for_the_api_is_asked_for_at_the_stream() -> None:
    sent = run("const router = createRouter(urls); answers.push(413); await router.fetch(router.api('key').url, read);")
    assert [each["url"] for each in sent] == [API, STREAM]


def test_a_refused_message_is_given_back_with_its_files() -> None:
    given = run(
        """
        const unsent = [];
        const router = createRouter({ ...urls, onUnsent: (message) => unsent.push(message) });
        const file = { type: "file", id: "atc_1", name: "a.txt", mime_type: "text/plain" };
        answers.push(JSON.stringify({ ...file, upload_descriptor: { url: "https://bucket.example.com/" } }), 413, 401);
        const url = router.api("key").url;
        const create = { type: "attachments.create", params: { name: "a.txt", size: 1, mime_type: "text/plain" } };
        await router.fetch(url, { method: "POST", body: JSON.stringify(create) });
        for (const attachments of [["atc_1"], []]) {
          const input = { content: [{ type: "input_text", text: "hello" }], attachments };
          const body = JSON.stringify({ type: "threads.create", params: { input } });
          await router.fetch(url, { method: "POST", body });
        }
        sent.splice(0, Infinity, ...unsent);
        """
    )
    words = {"threadId": None, "afterReload": False, "content": [{"type": "input_text", "text": "hello"}]}
    file = {"type": "file", "id": "atc_1", "name": "a.txt", "mime_type": "text/plain"}
    assert given == [{**words, "attachments": [file]}, words]
