import { useLayoutEffect, useState } from "preact/hooks";
import { currentLocale, say } from "../../element/texts.js";
import { Json, Section, html } from "./parts.js";

/** What has failed in the functions, the newest first: what, why, and the place in the agents' package. Read after each answer. */
export function Errors({ page }) {
  const [failures, setFailures] = useState([]);
  const { last } = page.network;
  const look = () => page.ask("failures", {}).then(setFailures, (error) => console.warn("The panel cannot read failures", error));
  useLayoutEffect(() => void look(), [last, last?.status, last?.ended]);
  const name = failures.length ? say("Errors ({count})", { count: failures.length }) : say("Errors");
  return html`<${Section} name=${name}>
    <div class="panel-buttons"><button type="button" onClick=${look}>${say("Look")}</button></div>
    ${failures.length === 0 && html`<p>${say("Nothing has failed.")}</p>`}
    <ol class="panel-list" tabindex="0" aria-label=${say("Errors")}>
      ${failures.map((failure) => html`<li key=${failure.at}><${Failure} failure=${failure} /></li>`)}
    </ol>
  <//>`;
}

function Failure({ failure: { at, process, what, error, place, trace, details } }) {
  const time = new Date(at * 1000).toLocaleTimeString(currentLocale());
  return html`<details>
    <summary><small>${time} ${process}</small> ${what} <span class="failed">${error}</span> ${place && html`<code>${place}</code>`}</summary>
    ${trace && html`<pre tabindex="0">${trace}</pre>`} ${Object.keys(details).length > 0 && html`<${Json} value=${details} />`}
  </details>`;
}
