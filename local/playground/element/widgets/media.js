import { classes, html } from "../html.js";
import { Icon } from "../icons.js";
import { block, color, radius, sides, style } from "./tokens.js";

const ICON_SIZES = { xs: 12, sm: 14, md: 16, lg: 20, xl: 24, "2xl": 32, "3xl": 40 };
export const iconSize = (size) => ICON_SIZES[size ?? "md"];

/** An icon of ChatKit's or Lucide's set. */
export function WidgetIcon({ node }) {
  return html`<${Icon} name=${node.name} size=${iconSize(node.size)} style=${style({ color: color(node.color) })} />`;
}

export function Image({ node }) {
  const look = {
    objectFit: node.fit,
    objectPosition: node.position,
    borderRadius: radius(node.radius),
    background: color(node.background, "surface"),
    ...block(node),
    ...sides("margin", node.margin),
  };
  return html`<img
    class=${classes("w-image", node.frame && "frame", node.flush && "flush")}
    src=${node.src}
    alt=${node.alt ?? ""}
    referrerpolicy="no-referrer"
    style=${style(look)}
  />`;
}

/** The line above a card or a list that says what state it is in. */
export function Status({ status }) {
  if (!status) return null;
  return html`<div class="w-status">
    ${status.favicon && html`<img src=${status.favicon} alt="" width="16" height="16" class=${status.frame ? "frame" : ""} />`}
    ${status.icon && html`<${Icon} name=${status.icon} />`}
    <span>${status.text}</span>
  </div>`;
}
