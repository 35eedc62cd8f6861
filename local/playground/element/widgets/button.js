import { classes, html } from "../html.js";
import { Icon } from "../icons.js";
import { iconSize } from "./media.js";
import { useWidget } from "./scope.js";

/** A button: runs its action, or submits the form around it. */
export function Button({ node }) {
  const { run, busy } = useWidget();
  const { label, submit, onClickAction, iconStart, iconEnd, color: tone, style: preset, variant, size } = node;
  const working = busy.nodes.has(node);
  const primary = (tone ?? preset) === "primary" || (submit && !tone && !preset);
  const click = (event) => {
    if (!onClickAction) return;
    event.preventDefault();
    const form = event.currentTarget.form;
    // An action that takes a form's values must not take invalid ones.
    if (submit && form && !form.reportValidity()) return;
    run(onClickAction, node, { target: event.currentTarget });
  };
  return html`<button
    type=${submit ? "submit" : "button"}
    class=${classes(
      "w-button",
      `tone-${tone ?? (primary ? "primary" : "secondary")}`,
      variant ?? (primary || (tone && tone !== "secondary") ? "solid" : "outline"),
      `size-${size ?? "lg"}`,
      node.pill !== false && "pill",
      (node.uniform || !label) && "uniform",
      node.block && "block",
    )}
    aria-label=${label ? undefined : onClickAction?.type}
    aria-busy=${working}
    disabled=${node.disabled || working}
    onClick=${click}
  >
    ${working ? html`<${Icon} name="loader-circle" class="spin" />` : html`<${Icon} name=${iconStart} size=${iconSize(node.iconSize)} />`}
    ${label && html`<span>${label}</span>`}
    <${Icon} name=${iconEnd} size=${iconSize(node.iconSize)} />
  </button>`;
}
