import { html, useParts } from "../html.js";
import { say } from "../texts.js";

/** Which model answers; shown when the page offers any. */
export function ModelPicker({ state }) {
  const { composer } = useParts();
  const models = state.options.composer?.models ?? [];
  if (models.length === 0) return null;
  const choose = (event) => composer.set({ modelId: event.target.value });
  return html`<select class="model-picker" aria-label=${say("Model")} title=${composer.model?.description} value=${composer.model?.id} onChange=${choose}>
    ${models.map(({ id, label, disabled }) => html`<option key=${id} value=${id} disabled=${disabled}>${label}</option>`)}
  </select>`;
}
