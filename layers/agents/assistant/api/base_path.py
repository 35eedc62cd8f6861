"""Serve the routes below a base path, such as the stage of an HTTP API or a path of a proxy."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send


def split_path(path: str, prefixes: Sequence[str]) -> tuple[str, str]:
    """Return the part of a path that is in front of the routes, and the path of the route.

    Args:
        path: The path of a request.
        prefixes: The parts of the base path in their order. Each of them may be absent.
    """
    root = ""
    for prefix in prefixes:
        if path.startswith(f"{prefix}/"):
            root, path = root + prefix, path.removeprefix(prefix)
    return root, path


class BasePath:
    """Tells the router how much of a path is in front of the routes, as ASGI's `root_path`.

    A request without a base path still reaches its route: the functions have URLs that no proxy is in front of.

    Args:
        app: The app.
        prefixes: The parts of the base path in their order. Each of them may be absent from a request.
    """

    def __init__(self, app: ASGIApp, prefixes: Sequence[str]) -> None:
        self._app = app
        self._prefixes = prefixes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app."""
        if scope["type"] == "http":
            root, _ = split_path(scope["path"], self._prefixes)
            scope = {**scope, "root_path": root}
        await self._app(scope, receive, send)
