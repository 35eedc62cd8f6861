import { html, useParts } from "../html.js";
import { Icon } from "../icons.js";
import { say } from "../texts.js";

/** Title of the thread, with history, new thread, and the page's own two buttons. */
export function Header({ state }) {
  const { conversation, history } = useParts();
  const { header = {}, history: historyOption } = state.options;
  const title = header.title?.text ?? state.thread?.title ?? "";
  const historyEnabled = historyOption?.enabled ?? true;
  return html`<header class="header">
    ${header.leftAction && html`<${HeaderAction} action=${header.leftAction} label="Custom action, left" />`}
    ${(header.title?.enabled ?? true) && title && html`<h2 class="header-title" dir="auto" title=${title}>${title}</h2>`}
    <span class="grow"></span>
    <button
      type="button"
      class="icon-button"
      aria-label=${say("New chat")}
      title=${say("New chat")}
      disabled=${!state.thread && state.items.length === 0}
      onClick=${() => conversation.open(null)}
    >
      <${Icon} name="square-pen" size=${18} />
    </button>
    ${historyEnabled &&
    html`<button type="button" class="icon-button" aria-label=${say("History")} title=${say("History")} onClick=${() => history.show()}>
      <${Icon} name="history" size=${18} />
    </button>`}
    ${header.rightAction && html`<${HeaderAction} action=${header.rightAction} label="Custom action, right" />`}
  </header>`;
}

function HeaderAction({ action, label }) {
  return html`<button type="button" class="icon-button" aria-label=${label} onClick=${action.onClick}>
    <${Icon} name=${action.icon} size=${18} />
  </button>`;
}
