"""The card of a job: what it does, how far it is, and a button that cancels it."""

from __future__ import annotations

from typing import Any

from chatkit.types import WidgetItem

from assistant import clock
from assistant.aws import Row
from assistant.texts import in_language
from assistant.threads import JOB_RUNNING
from assistant.widgets import unchecked

# The action type of a click on the button.
CANCEL_JOB = "job.cancel"
# The key of the widget of a job that has ended.
ENDED_KEY = "job.ended"

_STATUS = {
    "queued": "Waiting",
    "running": "Working",
    "done": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
_ICONS = {"done": "check-circle", "failed": "info", "cancelled": "info"}
# The model must not wait in its turn, nor invent the result.
_FOR_THE_MODEL = {
    "queued": "has been started; its result will be an item of this conversation",
    "running": "is running; its result will be an item of this conversation",
    "done": "is done; its result is below",
    "failed": "has failed",
    "cancelled": "was cancelled",
}


def job_card(item_id: str, thread_id: str, row: Row) -> WidgetItem:
    """Return the card of a job as it is now."""
    state, language = row["state"], row["language"]
    live = state in ("queued", "running")
    children: list[dict[str, Any]] = [{"type": "Title", "value": row["title"], "size": "sm"}]
    done, total = row.get("done", 0), row.get("goal")
    if total:
        children.append({"type": "Text", "value": f"{done} / {total} ({100 * done // total}%)", "size": "sm"})
    if row.get("note"):
        children.append({"type": "Caption", "value": row["note"]})
    if live:
        children.append(
            {
                "type": "Button",
                "label": in_language("Cancel", language),
                "size": "sm",
                "variant": "outline",
                "onClickAction": {
                    "type": CANCEL_JOB,
                    "payload": {"job_id": row["id"]},
                    "handler": "server",
                    "loadingBehavior": "self",
                    # One changed card answers the click, without a turn.
                    "streaming": False,
                },
            }
        )
    status = {"text": in_language(_STATUS[state], language), "icon": _ICONS.get(state, "clock")}
    card = {
        "type": "Card",
        "key": JOB_RUNNING if live else ENDED_KEY,
        "size": "sm",
        "status": status,
        "children": children,
    }
    return WidgetItem(
        id=item_id,
        thread_id=thread_id,
        created_at=clock.now(),
        widget=unchecked(card),
        copy_text=f"The job '{row['title']}' {_FOR_THE_MODEL[state]}.",
    )
