import { html } from "../html.js";
import { Children } from "./component.js";
import { length, sides, style } from "./tokens.js";

/** ChatKit's component has tables that `widgets.py` does not type yet; a widget file may use them. */
export function Table({ node }) {
  return html`<div class="table-scroll"><table class="w-table"><tbody><${Children} nodes=${node.children} /></tbody></table></div>`;
}

export function TableRow({ node }) {
  return html`<tr class=${node.header ? "header-row" : ""}><${Children} nodes=${node.children} /></tr>`;
}

export function TableCell({ node }) {
  const look = { width: length(node.width), textAlign: node.align, verticalAlign: VERTICAL[node.vAlign], ...sides("padding", node.padding) };
  return html`<td colspan=${node.colSpan} rowspan=${node.rowSpan} style=${style(look)}><${Children} nodes=${node.children} /></td>`;
}

const VERTICAL = { start: "top", center: "middle", end: "bottom" };
