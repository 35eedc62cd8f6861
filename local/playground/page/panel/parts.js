import htm from "htm";
import { h } from "preact";
import { useState } from "preact/hooks";
import { say } from "../../element/texts.js";

export const html = htm.bind(h);

/** A part of the panel that folds. */
export function Section({ name, open = false, children }) {
  return html`<details open=${open}><summary>${name}</summary><div class="panel-body">${children}</div></details>`;
}

/** Names with their values. */
export function Facts({ facts }) {
  return html`<dl>${Object.entries(facts).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** A value as JSON. */
export const Json = ({ value }) => html`<pre tabindex="0">${JSON.stringify(value, null, 2)}</pre>`;

/** A time for people. */
export const milliseconds = (time) => (time === undefined || time === null ? "–" : `${Math.round(time)} ms`);

/** A part that asks when it is told to, and shows the answer. */
export function useAsked(ask) {
  const [answer, setAnswer] = useState(null);
  const look = async () => {
    try {
      setAnswer({ value: await ask() });
    } catch (error) {
      setAnswer({ failed: error.message });
    }
  };
  const button = html`<div class="panel-buttons"><button type="button" onClick=${look}>${say("Look")}</button></div>
    ${answer?.failed && html`<p role="alert">${answer.failed}</p>`}`;
  return [answer?.value, button];
}
