/** Values of a form's named controls, nested by the dots in their names; null without a form. */
export function collectValues(form) {
  if (!form) return null;
  const values = {};
  for (const control of form.elements) {
    if (!control.name || control.disabled) continue;
    if (control.type === "radio" && !control.checked) continue;
    put(values, control.name, control.type === "checkbox" ? control.checked : valueOf(control));
  }
  return values;
}

/** The value of one control, by its name, for an action outside a form. */
export function ownValue(name, value) {
  const values = {};
  put(values, name, value);
  return values;
}

function valueOf(control) {
  if (control.type === "number") return control.value === "" ? null : control.valueAsNumber;
  return control.value;
}

function put(values, name, value) {
  const path = name.split(".");
  // A name from the server must not reach the prototype of every object.
  if (path.some((key) => key === "__proto__" || key === "constructor")) return;
  const last = path.pop();
  let target = values;
  for (const key of path) target = target[key] ??= {};
  target[last] = value;
}

/** An action's payload with the form's values beside it; values of the form win. */
export function mergePayload(payload, values) {
  if (Object.keys(values).length === 0) return payload;
  const isObject = payload !== null && typeof payload === "object" && !Array.isArray(payload);
  return isObject || payload === undefined || payload === null ? { ...payload, ...values } : payload;
}
