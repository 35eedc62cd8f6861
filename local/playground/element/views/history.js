import { useRef, useState } from "preact/hooks";
import { classes, html, useParts, useSetup } from "../html.js";
import { Icon } from "../icons.js";
import { currentLocale, say } from "../texts.js";

/** The caller's threads, newest first, over the chat. */
export function HistoryView({ state }) {
  const { history } = useParts();
  const panel = useRef(null);
  const { threads, hasMore, loading, error } = state.history;
  useSetup(() => {
    const opener = panel.current.getRootNode().activeElement;
    panel.current.focus();
    // Not on the panel: the button that had the focus may be gone.
    const keyDown = (event) => event.key === "Escape" && history.hide();
    document.addEventListener("keydown", keyDown);
    return () => {
      document.removeEventListener("keydown", keyDown);
      if (opener?.isConnected) opener.focus();
    };
  }, []);
  return html`<section class="history" aria-label=${say("History")} tabindex="-1" ref=${panel}>
    <header class="header">
      <h2 class="header-title">${say("Chats")}</h2>
      <span class="grow"></span>
      <button type="button" class="icon-button" aria-label=${say("Close history")} onClick=${() => history.hide()}>
        <${Icon} name="x" size=${18} />
      </button>
    </header>
    <ul class="history-list">
      ${threads.map((thread) => html`<${HistoryRow} key=${thread.id} thread=${thread} state=${state} />`)}
    </ul>
    ${!loading && !error && threads.length === 0 && html`<p class="empty">${say("No chats yet.")}</p>`}
    ${error && html`<p class="empty" role="alert">${error}</p>`}
    ${loading && html`<p class="empty" role="status">${say("Loading…")}</p>`}
    ${(hasMore || error) &&
    !loading &&
    html`<button type="button" class="button outline more" onClick=${() => history.loadMore()}>
      ${error ? say("Try again") : say("Show more")}
    </button>`}
  </section>`;
}

function HistoryRow({ thread, state }) {
  const { history } = useParts();
  const [mode, setMode] = useState("shown");
  const { showDelete = true, showRename = true } = state.options.history ?? {};
  const title = thread.title ?? say("New chat");
  if (mode === "renaming") return html`<${RenameRow} thread=${thread} done=${() => setMode("shown")} />`;
  if (mode === "deleting") {
    return html`<li class="history-row confirm" role="alertdialog" aria-label=${say("Delete {title}?", { title })}>
      <span class="grow">${say("Delete “{title}”?", { title })}</span>
      <button type="button" class="button danger" onClick=${() => history.remove(thread.id)}>${say("Delete")}</button>
      <button type="button" class="button outline" onClick=${() => setMode("shown")}>${say("Keep")}</button>
    </li>`;
  }
  return html`<li class=${classes("history-row", thread.id === state.thread?.id && "current")}>
    <button type="button" class="history-open" onClick=${() => history.open(thread.id)}>
      <span class="history-title">${title}</span>
      <time dateTime=${thread.created_at}>${describeDate(thread.created_at, currentLocale())}</time>
    </button>
    ${thread.status?.type === "locked" && html`<span class="hint" title=${say("Locked")}><${Icon} name="lock" /></span>`}
    ${showRename &&
    html`<button type="button" class="icon-button" aria-label=${say("Rename {title}", { title })} onClick=${() => setMode("renaming")}>
      <${Icon} name="pencil" />
    </button>`}
    ${showDelete &&
    html`<button type="button" class="icon-button" aria-label=${say("Delete {title}", { title })} onClick=${() => setMode("deleting")}>
      <${Icon} name="trash" />
    </button>`}
  </li>`;
}

function RenameRow({ thread, done }) {
  const { history } = useParts();
  const submit = async (event) => {
    event.preventDefault();
    const title = new FormData(event.target).get("title").trim();
    if (title && title !== thread.title) await history.rename(thread.id, title);
    done();
  };
  const keyDown = (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    done();
  };
  return html`<li class="history-row">
    <form class="rename" onSubmit=${submit} onKeyDown=${keyDown}>
      <input name="title" class="control" aria-label=${say("Title")} defaultValue=${thread.title ?? ""} ref=${focus} />
      <button class="button primary">${say("Save")}</button>
    </form>
  </li>`;
}

const focus = (input) => input?.focus();

function describeDate(created, locale) {
  const date = new Date(created);
  const today = date.toDateString() === new Date().toDateString();
  return date.toLocaleString(locale, today ? { timeStyle: "short" } : { dateStyle: "medium" });
}
