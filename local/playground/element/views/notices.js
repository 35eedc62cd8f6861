import { html, useParts } from "../html.js";
import { Icon } from "../icons.js";
import { Markdown } from "./markdown.js";
import { say } from "../texts.js";

/** What the server, or the page itself, wants the user to know. */
export function Notices({ notices }) {
  const { kit } = useParts();
  const dismiss = (id) => kit.store.set((state) => ({ notices: state.notices.filter((notice) => notice.id !== id) }));
  const icons = { info: "info", warning: "triangle-alert", danger: "circle-alert" };
  return notices.map(
    ({ id, level, title, message }) => html`<div class=${`notice ${level}`} role="status" key=${id}>
      <${Icon} name=${icons[level]} />
      <div class="grow">
        ${title && html`<strong>${title}</strong>`}
        <${Markdown} text=${message} />
      </div>
      <button type="button" class="icon-button" aria-label=${say("Dismiss")} onClick=${() => dismiss(id)}><${Icon} name="x" /></button>
    </div>`,
  );
}
