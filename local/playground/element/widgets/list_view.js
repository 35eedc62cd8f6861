import { useState } from "preact/hooks";
import { classes, html } from "../html.js";
import { Icon } from "../icons.js";
import { Children } from "./component.js";
import { Status } from "./media.js";
import { say } from "../texts.js";
import { useWidget } from "./scope.js";
import { flexValue, space, style } from "./tokens.js";

/** Rows shown at first when `limit` is `"auto"`. */
const AUTO_LIMIT = 8;

export function ListView({ node }) {
  const [all, setAll] = useState(false);
  const limit = node.limit === "auto" ? AUTO_LIMIT : node.limit;
  const rows = all || !limit ? node.children : node.children.slice(0, limit);
  const hidden = node.children.length - rows.length;
  return html`<div class="w-list">
    <${Status} status=${node.status} />
    <ul>${rows.map((row, index) => html`<${ListViewItem} key=${row.key ?? row.id ?? index} node=${row} />`)}</ul>
    ${hidden > 0 && html`<button type="button" class="show-more" onClick=${() => setAll(true)}>${say("Show {count} more", { count: hidden })}</button>`}
  </div>`;
}

/** One row; a button when it has an action. A click on a control inside the row is that control's. */
export function ListViewItem({ node }) {
  const { run, busy } = useWidget();
  const working = busy.nodes.has(node);
  const look = style({ gap: space(node.gap), alignItems: flexValue(node.align) });
  const action = node.onClickAction;
  const act = (event) => {
    const inner = event.target.closest("button, a, input, select, textarea, label");
    if (!inner) run(action, node, { target: event.currentTarget });
  };
  const keyDown = (event) => {
    if (event.target !== event.currentTarget || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    act(event);
  };
  const interactive = action ? { role: "button", tabIndex: 0, onClick: act, onKeyDown: keyDown } : {};
  return html`<li class=${classes("w-list-item", action && "clickable")} aria-busy=${working}>
    <div class="list-row" style=${look} ...${interactive}>
      <${Children} nodes=${node.children} />
      ${working && html`<${Icon} name="loader-circle" class="spin row-spinner" />`}
    </div>
  </li>`;
}
