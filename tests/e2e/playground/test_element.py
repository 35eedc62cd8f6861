"""The element as a page uses it: options, methods, events, as the types of `@openai/chatkit` name them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from tests.e2e.playground import items
from tests.e2e.playground.backend import Backend

if TYPE_CHECKING:
    from tests.support.chat_page import Chat


def start(chat: Chat, options: str = "") -> Chat:
    """Load a page that holds the element alone, and give it its options."""
    chat.page.goto(f"{chat.url}/pages/element.html")
    chat.page.evaluate("customElements.whenDefined('openai-chatkit').then(() => true)")
    chat.page.evaluate(f"kit.setOptions({{...options, {options}}})")
    chat.composer.wait_for()
    return chat


def events(chat: Chat, name: str) -> list[Any]:
    """Return the details of the events of one name so far."""
    found: list[Any] = chat.page.evaluate("name => events.filter((e) => e.name === name).map((e) => e.detail)", name)
    return found


def test_it_says_when_it_is_ready_and_how_a_turn_goes(chat: Chat) -> None:
    start(chat)
    chat.page.evaluate("kit.sendUserMessage({text: 'hello'})")
    expect(chat.answer).to_have_text("You said: hello")
    expect(chat.button("Copy")).to_be_visible()
    assert len(events(chat, "ready")) == 1
    assert len(events(chat, "response.start")) == 1
    assert len(events(chat, "response.end")) == 1
    [change] = events(chat, "thread.change")
    assert change["threadId"].startswith("thr_")
    assert {entry["name"] for entry in events(chat, "log")} >= {"request", "event"}


def test_a_message_can_carry_everything_the_protocol_has(chat: Chat, backend: Backend) -> None:
    start(chat)
    chat.page.evaluate(
        """kit.sendUserMessage({
            content: [{type: 'input_text', text: 'about '}, {type: 'input_tag', id: 'employee-7', text: 'Zeeshan'}],
            reply: 'He was hired in May.', toolChoice: {id: 'search'}, model: 'deep',
        })"""
    )
    expect(chat.answer).to_be_visible()
    [request] = backend.requests("threads.create")
    sent = request.json["params"]["input"]
    assert sent["quoted_text"] == "He was hired in May."
    assert sent["inference_options"] == {"tool_choice": {"id": "search"}, "model": "deep"}
    assert sent["content"][1] == {
        "type": "input_tag",
        "id": "employee-7",
        "text": "Zeeshan",
        "data": {},
        "interactive": False,
    }


def test_threads_are_opened_and_left_by_method(chat: Chat, backend: Backend) -> None:
    thread = backend.seed(items.user("thr_seeded", "hi"), items.assistant("thr_seeded", "Hello again"))
    start(chat, f"initialThread: '{thread}'")
    expect(chat.answer).to_have_text("Hello again")
    assert events(chat, "thread.load.end") == [{"threadId": thread}]
    chat.page.evaluate("kit.setThreadId(null)")
    expect(chat.items("assistant_message")).to_have_count(0)
    chat.page.evaluate("kit.sendUserMessage({text: 'hello', newThread: true})")
    expect(chat.answer).to_have_text("You said: hello")
    changes = [change["threadId"] for change in events(chat, "thread.change")]
    assert changes[:2] == [thread, None]
    assert changes[2] not in (thread, None)


def test_the_composer_is_filled_and_focused_by_method(chat: Chat, backend: Backend) -> None:
    start(chat, "composer: {attachments: {enabled: true}, tools: [{id: 'draw', label: 'Draw', icon: 'images'}]}")
    chat.page.evaluate(
        """kit.setComposerValue({
            content: [{type: 'input_text', text: 'Ask '}, {type: 'input_tag', id: 'e7', text: 'Zeeshan', data: {}}],
            reply: 'Quoted', selectedToolId: 'draw', files: [new File(['abc'], 'a.txt', {type: 'text/plain'})],
        })"""
    )
    chat.page.evaluate("document.activeElement.blur(); kit.focusComposer()")
    expect(chat.composer).to_have_value("Ask @Zeeshan")
    expect(chat.composer).to_be_focused()
    expect(chat.page.get_by_text("Quoted")).to_be_visible()
    expect(chat.page.get_by_role("list", name="Attachments")).to_contain_text("3 B")
    assert events(chat, "tool.change") == [{"toolId": "draw"}]
    assert backend.requests("threads.create") == []
    chat.composer.press("Enter")
    expect(chat.answer).to_be_visible()
    [request] = backend.requests("threads.create")
    sent = request.json["params"]["input"]
    assert [part["type"] for part in sent["content"]] == ["input_text", "input_tag"]
    assert (len(sent["attachments"]), sent["quoted_text"]) == (1, "Quoted")


def test_history_opens_and_closes_by_method(chat: Chat) -> None:
    start(chat)
    chat.page.evaluate("kit.showHistory()")
    expect(chat.page.get_by_role("region", name="History")).to_be_visible()
    chat.page.evaluate("kit.hideHistory()")
    expect(chat.page.get_by_role("region", name="History")).to_have_count(0)
    assert (len(events(chat, "history.open")), len(events(chat, "history.close"))) == (1, 1)


def test_updates_made_elsewhere_are_fetched_by_method(chat: Chat, backend: Backend) -> None:
    thread = backend.seed(items.assistant("thr_seeded", "One"))
    start(chat, f"initialThread: '{thread}'")
    expect(chat.answer).to_have_text("One")
    backend.seed(items.assistant("thr_seeded", "One"), items.assistant("thr_seeded", "Two"))
    chat.page.evaluate("kit.fetchUpdates()")
    expect(chat.answer).to_have_text("Two")


def test_a_page_sends_an_action_of_its_own(chat: Chat, backend: Backend) -> None:
    start(chat, f"initialThread: '{backend.seed(items.assistant('thr_seeded', 'One'))}'")
    expect(chat.answer).to_have_text("One")
    chat.page.evaluate("kit.sendCustomAction({type: 'nudge', payload: {n: 1}})")
    expect(chat.answer).to_have_text('Action nudge with {"n": 1}')


def test_effects_deeplinks_and_errors_reach_the_page(chat: Chat, backend: Backend) -> None:
    linked = items.assistant("thr_seeded", "[Open](chatkit-link://settings?tab=keys)")
    start(chat, f"initialThread: '{backend.seed(linked)}'")
    chat.page.get_by_role("link", name="Open").click()
    chat.send("effect")
    expect(chat.answer).to_have_text("Look.")
    chat.send("fail-finally")
    expect(chat.page.get_by_role("alert")).to_be_visible()
    assert events(chat, "deeplink") == [{"name": "settings", "data": {"tab": "keys"}}]
    assert events(chat, "effect") == [{"name": "highlight", "data": {"row": 7}}]
    assert len(events(chat, "error")) == 1


def test_options_are_replaced_as_a_whole_and_shape_the_look(chat: Chat) -> None:
    start(
        chat,
        "header: {title: {text: 'Support'}}, startScreen: {greeting: 'Ahoy'}",
    )
    expect(chat.page.get_by_role("heading", name="Support")).to_be_visible()
    expect(chat.page.get_by_role("heading", name="Ahoy")).to_be_visible()
    chat.page.evaluate(
        "kit.setOptions({...options, theme: {colorScheme: 'dark', radius: 'sharp'}, header: {enabled: false}})"
    )
    expect(chat.page.get_by_role("heading", name="What can I help with today?")).to_be_visible()
    expect(chat.button("History")).to_have_count(0)
    expect(chat.page.locator("openai-chatkit")).to_have_attribute("data-theme", "dark")


def test_a_starting_prompt_is_sent_by_a_click(chat: Chat) -> None:
    start(chat, "startScreen: {prompts: [{label: 'Say it', prompt: 'hello', icon: 'sparkle'}]}")
    chat.button("Say it").click()
    expect(chat.answer).to_have_text("You said: hello")


def test_commands_insert_an_entity_or_lead_to_a_menu(chat: Chat) -> None:
    start(
        chat,
        """commands: {
            enabled: true,
            onSearch: async (query) => ('people'.startsWith(query) ? [{id: 'people', label: 'People'}] : []),
            onSelect: async ({id}) => id === 'people'
                ? {type: 'menu', commands: [{id: 'ann', label: 'Ann'}]}
                : {type: 'entity', entity: {id, title: 'Ann'}},
        }""",
    )
    chat.composer.press_sequentially("/peo")
    chat.page.get_by_role("option", name="People").wait_for()
    chat.composer.press("Enter")
    expect(chat.page.get_by_role("option", name="Ann")).to_be_visible()
    chat.composer.press("Enter")
    expect(chat.composer).to_have_value("@Ann ")


def test_a_file_that_the_page_does_not_allow_is_refused_before_it_is_sent(chat: Chat, backend: Backend) -> None:
    start(
        chat,
        "composer: {attachments: {enabled: true, maxSize: {'text/*': 2, '*': 1000}, accept: {'text/plain': ['.txt']}}}",
    )
    chat.page.evaluate("kit.setComposerValue({files: [new File(['abc'], 'a.txt', {type: 'text/plain'})]})")
    expect(chat.page.get_by_text("a.txt is larger than 2 B.")).to_be_visible()
    chat.page.evaluate("kit.setComposerValue({files: [new File(['a'], 'a.png', {type: 'image/png'})]})")
    expect(chat.page.get_by_text("a.png is not of an allowed type.")).to_be_visible()
    assert backend.received == []
