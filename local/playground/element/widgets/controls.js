import { classes, html } from "../html.js";
import { useWidget } from "./scope.js";
import { selectAll } from "./text.js";
import { color, style } from "./tokens.js";
import { ownValue } from "./values.js";
import { say } from "../texts.js";

const look = (node) =>
  classes(
    "control",
    node.variant ?? "outline",
    `size-${node.size ?? "md"}`,
    node.pill && "pill",
    node.block && "block",
    node.gutterSize && `gutter-${node.gutterSize}`,
  );

/** The id that joins a Label with its control: names are unique in a form. */
const fieldId = (name) => `field-${name}`;

/** Run a control's `onChangeAction` with the value it has now. */
function useChange(node) {
  const { run } = useWidget();
  return (event) => {
    const { target } = event;
    const value = target.type === "checkbox" ? target.checked : target.value;
    run(node.onChangeAction, node, { target, own: ownValue(node.name, value) });
  };
}

export function Input({ node }) {
  return html`<input
    id=${fieldId(node.name)}
    class=${look(node)}
    type=${node.inputType ?? "text"}
    name=${node.name}
    aria-label=${node.placeholder}
    defaultValue=${node.defaultValue}
    placeholder=${node.placeholder}
    required=${node.required}
    pattern=${node.pattern}
    disabled=${node.disabled}
    autofocus=${node.autoFocus}
    autocomplete=${node.allowAutofillExtensions ? undefined : "off"}
    onFocus=${node.autoSelect ? selectAll : undefined}
  />`;
}

export function Textarea({ node }) {
  const rows = node.rows ?? 3;
  return html`<textarea
    id=${fieldId(node.name)}
    class=${classes(look(node), node.autoResize && "auto-resize")}
    name=${node.name}
    aria-label=${node.placeholder}
    rows=${rows}
    defaultValue=${node.defaultValue}
    placeholder=${node.placeholder}
    required=${node.required}
    disabled=${node.disabled}
    autofocus=${node.autoFocus}
    style=${style({ maxHeight: node.maxRows && `${node.maxRows * 1.5 + 1}em` })}
    onFocus=${node.autoSelect ? selectAll : undefined}
  ></textarea>`;
}

export function Select({ node }) {
  const change = useChange(node);
  const optional = node.clearable || !node.defaultValue;
  return html`<select
    id=${fieldId(node.name)}
    class=${look(node)}
    name=${node.name}
    aria-label=${node.placeholder ?? node.name}
    disabled=${node.disabled}
    onChange=${change}
  >
    ${optional && html`<option value="">${node.placeholder ?? say("Select…")}</option>`}
    ${node.options.map(
      ({ value, label, description, disabled }) =>
        html`<option key=${value} value=${value} disabled=${disabled} selected=${value === node.defaultValue}>
          ${description ? `${label} — ${description}` : label}
        </option>`,
    )}
  </select>`;
}

/** Calendar day of an ISO date and time: what a date control takes and gives. */
const day = (value) => value?.slice(0, 10);

export function DatePicker({ node }) {
  const change = useChange(node);
  return html`<input
    id=${fieldId(node.name)}
    class=${look(node)}
    type="date"
    name=${node.name}
    aria-label=${node.placeholder ?? node.name}
    defaultValue=${day(node.defaultValue)}
    min=${day(node.min)}
    max=${day(node.max)}
    required=${node.clearable === false}
    disabled=${node.disabled}
    onChange=${change}
  />`;
}

export function Checkbox({ node }) {
  const change = useChange(node);
  return html`<label class="w-checkbox">
    <input
      id=${fieldId(node.name)}
      type="checkbox"
      name=${node.name}
      aria-label=${node.label ? undefined : node.name}
      defaultChecked=${node.defaultChecked}
      required=${node.required}
      disabled=${node.disabled}
      onChange=${change}
    />
    ${node.label && html`<span>${node.label}</span>`}
  </label>`;
}

export function RadioGroup({ node }) {
  const change = useChange(node);
  return html`<div class=${`w-radio ${node.direction ?? "row"}`} role="radiogroup" aria-label=${node.ariaLabel ?? node.name}>
    ${(node.options ?? []).map(
      ({ label, value, disabled }) => html`<label key=${value}>
        <input
          type="radio"
          name=${node.name}
          value=${value}
          defaultChecked=${value === node.defaultValue}
          required=${node.required}
          disabled=${node.disabled || disabled}
          onChange=${change}
        />
        ${label}
      </label>`,
    )}
  </div>`;
}

export function Label({ node }) {
  const text = style({ color: color(node.color), textAlign: node.textAlign });
  const names = classes("w-label", `size-${node.size ?? "sm"}`, node.weight && `weight-${node.weight}`);
  return html`<label class=${names} for=${fieldId(node.fieldName)} style=${text}>${node.value}</label>`;
}
