import { classes, html } from "../html.js";
import { Markdown } from "./markdown.js";

/** The line of Markdown under the composer. */
export function Disclaimer({ option }) {
  if (!option?.text) return null;
  return html`<div class=${classes("disclaimer", option.highContrast && "high-contrast")}>
    <${Markdown} text=${option.text} />
  </div>`;
}
