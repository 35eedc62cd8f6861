import { html } from "../html.js";
import { Icon } from "../icons.js";
import { say } from "../texts.js";

/** A tool that ran, or runs, in this page for the assistant. */
export function ClientToolCall({ item }) {
  const pending = item.status === "pending";
  return html`<details class="tool-call">
    <summary>
      <${Icon} name=${pending ? "loader-circle" : "wrench"} class=${pending ? "spin" : ""} />
      ${pending ? say("Running") : say("Ran")} <code>${item.name}</code> ${say("in this page")}
    </summary>
    <pre>${JSON.stringify(item.arguments, null, 2)}</pre>
    ${!pending && html`<pre>${JSON.stringify(item.output ?? null, null, 2)}</pre>`}
  </details>`;
}
