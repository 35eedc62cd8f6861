import { classes, html, memo } from "../html.js";
import { Children } from "./component.js";
import { Card } from "./card.js";
import { ListView } from "./list_view.js";
import { WidgetScope, useWidgetScope } from "./scope.js";
import { box, style } from "./tokens.js";

const ROOTS = { Card, ListView, Basic };

/** One widget: its root, and the scope in which its components act. */
export const WidgetView = memo(function WidgetView({ item }) {
  const scope = useWidgetScope(item);
  const { widget } = item;
  const Root = ROOTS[widget.type];
  const busy = scope.busy.container;
  return html`<${WidgetScope.Provider} value=${scope}>
    <div
      class=${classes("widget", busy && "busy")}
      data-theme=${widget.theme}
      aria-busy=${busy}
      inert=${busy}
    >
      ${Root ? html`<${Root} node=${widget} />` : html`<${Children} nodes=${[widget]} />`}
    </div>
  <//>`;
});

function Basic({ node }) {
  return html`<div class="basic" style=${style(box(node, node.direction))}><${Children} nodes=${node.children} /></div>`;
}
