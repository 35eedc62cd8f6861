import { html } from "../html.js";
import { Children } from "./component.js";
import { useWidget } from "./scope.js";
import { box, color, length, space, style } from "./tokens.js";

export const Box = ({ node }) => container(node, node.direction ?? "col");
export const Row = ({ node }) => container({ align: "center", gap: 2, ...node }, "row");
export const Col = ({ node }) => container({ gap: 2, ...node }, "col");

function container(node, direction) {
  const kind = node.type.toLowerCase();
  return html`<div class=${`w-${kind} ${direction}`} style=${style(box(node, direction))}><${Children} nodes=${node.children} /></div>`;
}

/** A form: its controls' values go into the payload of every action that begins in it. */
export function Form({ node }) {
  const { run } = useWidget();
  const submit = (event) => {
    event.preventDefault();
    run(node.onSubmitAction, node, { target: event.target });
  };
  const direction = node.direction ?? "col";
  return html`<form class=${`w-form ${direction}`} style=${style(box({ gap: 3, ...node }, direction))} onSubmit=${submit}>
    <${Children} nodes=${node.children} />
  </form>`;
}

export function Divider({ node }) {
  const look = {
    borderTopWidth: length(node.size),
    borderTopColor: color(node.color, "border"),
    marginBlock: space(node.spacing),
  };
  return html`<hr class=${node.flush ? "w-divider flush" : "w-divider"} style=${style(look)} />`;
}

export function Spacer({ node }) {
  return html`<span class="w-spacer" style=${style({ minWidth: length(node.minSize), minHeight: length(node.minSize) })}></span>`;
}

/** Lets its child appear softly whenever it is another one. */
export function Transition({ node }) {
  const child = node.children;
  return html`<div class="w-transition" key=${child?.key ?? child?.id ?? child?.type}><${Children} nodes=${child} /></div>`;
}
