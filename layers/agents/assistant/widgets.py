"""Check a widget strictly. ChatKit's types accept any name of a component or a field, and the page then shows nothing.

https://widgets.chatkit.studio shows all components.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, get_args

from pydantic import ValidationError

if TYPE_CHECKING:
    # Imported on use below: most threads contain no widget, and the models take a tenth of a read.
    from chatkit.widgets import DynamicWidgetRoot, WidgetComponentBase


class WidgetError(ValueError):
    """A widget is wrong. The message says where, and what is possible there."""


def widget(document: Mapping[str, Any]) -> DynamicWidgetRoot:
    """Return a widget for `stream_widget` or a `WidgetItem`.

    Args:
        document: A root: a `Card`, a `ListView` or a `Basic`, with its children.

    Raises:
        WidgetError: A component or a field does not exist, or a value does not fit.
    """
    from chatkit.widgets import StrictWidgetRoot

    kind = document.get("type") if isinstance(document, Mapping) else None
    _check(document, _types(StrictWidgetRoot), str(kind or "the widget"))
    return unchecked(document)


def unchecked(document: Mapping[str, Any]) -> DynamicWidgetRoot:
    """Return a widget of the platform's own. ChatKit's types check it, which accept any name."""
    from chatkit.widgets import DynamicWidgetRoot

    return DynamicWidgetRoot.model_validate(document)


@cache
def _types(union: Any) -> dict[str, type[WidgetComponentBase]]:
    """Return the classes of a union of components by the names of their types."""
    members, _ = get_args(union)
    return {each.model_fields["type"].default: each for each in get_args(members)}


def _check(node: Any, allowed: Mapping[str, type[WidgetComponentBase]], place: str) -> None:
    from chatkit.widgets import StrictWidgetComponent

    kind = node.get("type") if isinstance(node, Mapping) else None
    component = allowed.get(kind) if isinstance(kind, str) else None
    if component is None:
        raise WidgetError(f"{place}: there is no {kind!r} here. Possible are {', '.join(sorted(allowed))}.")
    fields = {field.alias or name for name, field in component.model_fields.items()}
    # The SDK leaves the fields of this root open.
    if kind != "Basic" and (unknown := node.keys() - fields):
        raise WidgetError(
            f"{place}: {kind} has no {', '.join(sorted(unknown))}. Possible are {', '.join(sorted(fields))}."
        )
    children = node.get("children") or []
    for number, child in enumerate(children if isinstance(children, list) else [children]):
        _check(child, _types(StrictWidgetComponent), f"{place}.children[{number}]")
    try:
        component.model_validate(node)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False)[0]
        raise WidgetError(f"{place}: {'.'.join(map(str, wrong['loc']))}: {wrong['msg']}") from None
