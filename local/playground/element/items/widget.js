import { html } from "../html.js";
import { WidgetView } from "../widgets/widget.js";

/** A widget as a message of its own. */
export function WidgetItem({ item }) {
  return html`<${WidgetView} item=${item} />`;
}
