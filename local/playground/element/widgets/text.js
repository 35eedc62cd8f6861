import { classes, html } from "../html.js";
import { Markdown } from "../views/markdown.js";
import { color, length, style } from "./tokens.js";

const WEIGHTS = { normal: 400, medium: 500, semibold: 600, bold: 700 };

function look(node) {
  return style({
    color: color(node.color),
    fontWeight: WEIGHTS[node.weight],
    textAlign: node.textAlign,
    width: length(node.width),
    fontStyle: node.italic ? "italic" : undefined,
    textDecoration: node.lineThrough ? "line-through" : undefined,
    WebkitLineClamp: node.maxLines,
    minHeight: node.minLines ? `${node.minLines * 1.5}em` : undefined,
  });
}

const names = (kind, node, size) =>
  classes(kind, `size-${node.size ?? size}`, node.truncate && "truncate", node.maxLines && "clamp", node.streaming && "streaming");

/** Plain text; a control of the form around it when it is editable. */
export function Text({ node }) {
  if (node.editable) return html`<${EditableText} node=${node} />`;
  return html`<p class=${names("w-text", node, "md")} style=${look(node)}>${node.value}</p>`;
}

function EditableText({ node }) {
  const { editable, value } = node;
  const Tag = (node.minLines ?? node.maxLines ?? 1) > 1 ? "textarea" : "input";
  return html`<${Tag}
    class=${classes(names("w-text", node, "md"), "control editable")}
    style=${look({ ...node, maxLines: undefined })}
    rows=${node.minLines}
    defaultValue=${value}
    aria-label=${editable.placeholder ?? editable.name}
    name=${editable.name}
    placeholder=${editable.placeholder}
    pattern=${editable.pattern}
    required=${editable.required}
    autocomplete=${editable.autoComplete ?? "off"}
    autofocus=${editable.autoFocus}
    onFocus=${editable.autoSelect ? selectAll : undefined}
  />`;
}

export const selectAll = (event) => event.target.select();

export const Title = ({ node }) => html`<h3 class=${names("w-title", node, "md")} style=${look(node)}>${node.value}</h3>`;
export const Caption = ({ node }) => html`<p class=${names("w-caption", node, "md")} style=${look(node)}>${node.value}</p>`;

export function MarkdownText({ node }) {
  return html`<div class=${classes("w-markdown", node.streaming && "streaming")}><${Markdown} text=${node.value} /></div>`;
}

export function Badge({ node }) {
  const { color: tone = "secondary", variant = "soft", size = "sm", pill } = node;
  return html`<span class=${classes("w-badge", `tone-${tone}`, variant, `size-${size}`, pill && "pill")}>${node.label}</span>`;
}
