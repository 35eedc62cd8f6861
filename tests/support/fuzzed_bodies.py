"""Bodies that are almost right: requests of the protocol and forms of an upload, changed at random places."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from tests.support.files import PNG

# Deeper than Python's recursion, a validator's and a parser's limits.
DEPTHS = (3, 60, 128, 255, 1_100, 20_000)
NUMBERS = (0, -1, 2**31, 2**53 + 1, 2**64, -(10**40), 10**400, 1e308, -0.0, 5e-324)
TEXTS = (
    "",
    " ",
    "\x00",
    "\ud800",
    "😀" * 300,
    "\u202e\u2066",
    "a\u0300" * 50,
    "#",
    "%23",
    "../../x",
    "thr_",
    "null",
    "!tool no_such_tool {}",
    "!",
    "{{7*7}}${7*7}",
    "1970-01-01T00:00:00Z",
    "data:image/png;base64,AAAA",
    "x" * 5_000,
)
# json.loads takes these, and other parsers do not.
ODD_TOKENS = (
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e999",
    b"-1e999",
    b"01",
    b"1" * 5_000,
    b'"\\ud800"',
    b"'x'",
    b"\xff",
)

texts = st.sampled_from(TEXTS) | st.text(max_size=20)
scalars = st.none() | st.booleans() | st.sampled_from(NUMBERS) | st.integers() | st.floats() | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)


def nested(depth: int, inside: Any = None) -> Any:
    """Return a value in that many lists."""
    for _ in range(depth):
        inside = [inside]
    return inside


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values within a value."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [(*path, name) for name, _ in children] + [
        deeper for name, child in children for deeper in places(child, (*path, name))
    ]


@st.composite
def changed(draw: st.DrawFn, request: Mapping[str, Any], ids: tuple[str, ...]) -> Any:
    """Return a request with zero to three changes."""
    made: Any = copy.deepcopy(dict(request))
    for _ in range(draw(st.sampled_from((0, 0, 1, 1, 1, 2, 3)))):
        found = places(made)
        if not found:
            break
        *path, last = draw(st.sampled_from(found))
        parent = made
        for name in path:
            parent = parent[name]
        match draw(st.sampled_from(("replace", "replace", "replace", "id", "remove", "wrap", "add", "repeat"))):
            case "replace":
                # A value of the same type goes deeper than one that validation refuses.
                same = texts if isinstance(parent[last], str) else values
                parent[last] = draw(same | same | values)
            case "id":
                parent[last] = draw(st.sampled_from(ids))
            case "remove":
                del parent[last]
            case "wrap":
                parent[last] = draw(st.sampled_from(([parent[last]], {"x": parent[last]})))
            case "add" if isinstance(parent, dict):
                parent[draw(texts | st.sampled_from(("type", "id", "metadata", "__proto__")))] = draw(values)
            case _:
                parent[last] = [parent[last]] * draw(st.sampled_from((2, 50, 1_000)))
    return made


@st.composite
def json_bodies(draw: st.DrawFn, requests: tuple[Mapping[str, Any], ...], ids: tuple[str, ...]) -> bytes:
    """Return the bytes of a request that is almost right, or of something else."""
    request = draw(changed(draw(st.sampled_from(requests)), ids))
    body = json.dumps(request, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    kind = draw(st.sampled_from(("whole",) * 20 + ("cut", "token", "bytes", "any", "deep", "utf-16", "gzip", "twice")))
    at = draw(st.integers(0, len(body)))
    match kind:
        case "cut":
            return body[:at]
        case "token":
            places_of_values = [at for at, byte in enumerate(body) if byte == ord(":")]
            at = draw(st.sampled_from(places_of_values)) + 1 if places_of_values else at
            return body[:at] + draw(st.sampled_from(ODD_TOKENS)) + b"," + body[at:]
        case "bytes":
            return body[:at] + draw(st.binary(min_size=1, max_size=8)) + body[at:]
        case "any":
            return draw(st.binary(max_size=64)) or json.dumps(draw(values)).encode("utf-8", "surrogatepass")
        case "deep":
            depth = draw(st.sampled_from(DEPTHS))
            opened, closed = draw(st.sampled_from(((b"[", b"]"), (b'{"x":', b"}"))))
            return b'{"type":"threads.create","params":' + opened * depth + b"0" + closed * depth + b"}"
        case "utf-16":
            return body.decode("utf-8", "replace").encode("utf-16")
        case "gzip":
            return gzip.compress(body, mtime=0)
        case "twice":
            return body + body
        case _:
            return body


names = st.sampled_from(
    ("a.png", "", ".", "..", "../../etc/passwd", "a\x00.png", "CON", "ä" * 200, "x" * 3_000, "a.png.exe", "%2e%2e", '"')
)
types = st.sampled_from(
    (
        *("image/png",) * 8,
        "IMAGE/PNG; x=y",
        "text/plain",
        "text/html",
        "image/svg+xml",
        "",
        "a",
        "/",
        "x/" + "y" * 500,
        "\x00",
    )
)
contents = st.sampled_from(
    (*(PNG,) * 8, b"", b"\x00", PNG[:20], b"<svg/>", b"MZ\x90", b"Hello", b"\xff\xfe", b"x" * 70_000)
)


@st.composite
def forms(draw: st.DrawFn) -> tuple[str, bytes]:
    """Return the content type and the bytes of a form that is almost right."""
    boundary = draw(st.sampled_from((*("x",) * 8, "-" * 70, "x y", "ä", "", "\x00")))
    lines: list[bytes] = []
    for _ in range(draw(st.sampled_from((*(1,) * 8, 0, 2, 40)))):
        field = draw(st.sampled_from((*("file",) * 8, "x", "", "file[]")))
        name = draw(st.sampled_from(('filename="{}"', "filename={}", "filename*=UTF-8''{}", ""))).format(draw(names))
        lines.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; {name}\r\n'.encode())
        lines.append(f"Content-Type: {draw(types)}\r\n\r\n".encode())
        lines.append(draw(contents) + b"\r\n")
    body = b"".join(lines) + f"--{boundary}--\r\n".encode()
    at = draw(st.integers(0, len(body)))
    match draw(st.sampled_from(("whole",) * 12 + ("cut", "bytes", "unended"))):
        case "cut":
            body = body[:at]
        case "bytes":
            body = body[:at] + draw(st.binary(min_size=1, max_size=8)) + body[at:]
        case "unended":
            body = b"".join(lines)
    kind = draw(st.sampled_from(("multipart/form-data; boundary={}",) * 12 + ("multipart/form-data", "text/plain", "")))
    return kind.format(boundary), body
