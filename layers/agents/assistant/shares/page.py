"""The page of a share: plain HTML without scripts, for a reader who opens a link in a browser."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from hashlib import sha256
from html import escape
from typing import Any

_STYLE = (
    "body{max-width:46rem;margin:2rem auto;padding:0 1rem;font:16px/1.5 system-ui,sans-serif;color-scheme:light dark}"
    "article{margin:1rem 0;padding:.75rem 1rem;border:1px solid #8886;border-radius:.75rem;overflow-wrap:anywhere}"
    "article.user{margin-left:4rem}p{white-space:pre-wrap;margin:.25rem 0}img{max-width:100%}"
)
# The page loads only signed pictures of the bucket. Links send no referrer, so other sites do not get the token.
PAGE_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; img-src https: http:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        f"style-src 'sha256-{base64.b64encode(sha256(_STYLE.encode()).digest()).decode()}'"
    ),
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
}
# The fields of a widget's component that are texts.
_TEXTS = ("title", "label", "value")


def share_page(shown: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the HTML of a snapshot, and its headers."""
    return _page(shown.get("title") or "Conversation", "".join(_article(item) for item in shown["items"]))


def message_page(message: str) -> tuple[str, dict[str, str]]:
    """Return the HTML that says why a link shows nothing, and its headers."""
    return _page(message, "")


def _page(heading: str, body: str) -> tuple[str, dict[str, str]]:
    title = escape(heading)
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{title}</h1>{body}</body></html>"
    )
    return page, PAGE_HEADERS


def _article(item: Mapping[str, Any]) -> str:
    match item["type"]:
        case "image":
            url = item.get("url")
            return "" if url is None else f'<article><img src="{escape(url)}" alt=""></article>'
        case "widget":
            return f"<article>{''.join(f'<p>{escape(text)}</p>' for text in _texts(item['widget']))}</article>"
        case kind:
            links = [*item.get("files", []), *item.get("sources", [])]
            named = [(escape(each["url"]), escape(each.get("name") or each["title"])) for each in links]
            made = "".join(f'<p><a rel="noreferrer" href="{url}">{name}</a></p>' for url, name in named)
            side = "user" if kind == "user_message" else "assistant"
            mark = "<small>Written by a person of the staff</small>" if item.get("by_person") else ""
            return f'<article class="{side}">{mark}<p>{escape(item["text"])}</p>{made}</article>'


def _texts(node: Any) -> list[str]:
    """Return the texts of a widget in their order."""
    if isinstance(node, list):
        return [text for each in node for text in _texts(each)]
    if not isinstance(node, Mapping):
        return []
    own = [str(node[name]) for name in _TEXTS if isinstance(node.get(name), str | int | float)]
    return own + [text for name in ("header", "children", "status") for text in _texts(node.get(name))]
