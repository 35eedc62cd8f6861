import { html, useParts } from "../html.js";
import { Icon } from "../icons.js";
import { Notices } from "./notices.js";
import { say } from "../texts.js";

/** What a new thread looks like: a greeting and prompts to begin with. */
export function StartScreen({ state }) {
  const { conversation, composer } = useParts();
  const { greeting = say("What can I help with today?"), prompts = [] } = state.options.startScreen ?? {};
  const start = (prompt) => {
    const content = typeof prompt === "string" ? [{ type: "input_text", text: prompt }] : prompt;
    conversation.send({ content, inference_options: composer.inferenceOptions() });
  };
  return html`<section class="start">
    <h2>${greeting}</h2>
    <ul class="prompts">
      ${prompts.map(
        ({ label, prompt, icon }) =>
          html`<li key=${label}>
            <button type="button" class="prompt" onClick=${() => start(prompt)}>
              <${Icon} name=${icon} size=${18} /><span>${label}</span>
            </button>
          </li>`,
      )}
    </ul>
    <${Notices} notices=${state.notices} />
  </section>`;
}
