import { useState } from "preact/hooks";
import { classes, html, useSetup } from "../html.js";
import { Icon } from "../icons.js";
import { Children } from "./component.js";
import { Status } from "./media.js";
import { useWidget } from "./scope.js";
import { borders, color, sides, style } from "./tokens.js";
import { say } from "../texts.js";

/** A card: status, content, and the confirm and cancel buttons under it. */
export function Card({ node }) {
  const { run } = useWidget();
  const [collapsed, setCollapsed] = useState(node.collapsed ?? false);
  useSetup(() => setCollapsed(node.collapsed ?? false), [node.collapsed]);
  const { confirm, cancel, asForm, status } = node;
  const look = style({ background: color(node.background, "surface"), ...borders(node.border) });
  const confirmed = (event) => {
    event.preventDefault();
    run(confirm?.action, node, { target: event.currentTarget });
  };
  const Body = asForm ? "form" : "div";
  return html`<div class=${classes("w-card", `size-${node.size ?? "md"}`)} style=${look}>
    <${Status} status=${status} />
    ${node.collapsed &&
    html`<button type="button" class="collapse" aria-expanded=${!collapsed} onClick=${() => setCollapsed(!collapsed)}>
      <${Icon} name=${collapsed ? "chevron-right" : "chevron-down"} /> ${collapsed ? say("Show") : say("Hide")}
    </button>`}
    ${!collapsed &&
    html`<${Body} onSubmit=${asForm ? confirmed : undefined}>
      <div class="card-body" style=${style(sides("padding", node.padding))}><${Children} nodes=${node.children} /></div>
      ${(confirm || cancel) &&
      html`<div class="card-buttons">
        ${cancel &&
        html`<button
          type="button"
          class="w-button tone-secondary outline size-lg pill"
          onClick=${(event) => run(cancel.action, node, { target: event.currentTarget })}
        >
          ${cancel.label}
        </button>`}
        ${confirm &&
        html`<button
          type=${asForm ? "submit" : "button"}
          class="w-button tone-primary solid size-lg pill"
          onClick=${asForm ? undefined : confirmed}
        >
          ${confirm.label}
        </button>`}
      </div>`}
    <//>`}
  </div>`;
}
