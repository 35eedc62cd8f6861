import { html } from "../html.js";
import { Icon } from "../icons.js";
import { EntityChip } from "../views/entity.js";
import { say } from "../texts.js";

const entityOf = ({ id, title, icon, interactive, group, data }) => ({ id, title, icon, interactive, group, data });

/** The sources under a message, each with its number. */
export function SourceList({ sources }) {
  return html`<ol class="sources" aria-label=${say("Sources")}>
    ${sources.map((source, index) => html`<li key=${index}><${SourceChip} source=${source} number=${index + 1} /></li>`)}
  </ol>`;
}

function SourceChip({ source, number }) {
  const badge = html`<span class="source-number">${number}</span>`;
  if (source.type === "url") {
    return html`<a class="chip" href=${safeUrl(source.url)} target="_blank" rel="noopener noreferrer" title=${source.description}>
      ${badge} <${Icon} name="globe" size=${14} /> ${source.title}
    </a>`;
  }
  if (source.type === "entity") {
    return html`<${EntityChip} entity=${entityOf(source)} label=${source.inline_label ?? source.title}>${badge}<//>`;
  }
  return html`<span class="chip" title=${source.description}>
    ${badge} <${Icon} name="file-text" size=${14} /> ${source.title || source.filename}
  </span>`;
}

/** What is known of one source, opened from its number in the text. */
export function SourcePopover({ source, close }) {
  if (!source) return null;
  const where = source.attribution ?? source.filename ?? source.label ?? (source.url && URL.parse(source.url)?.hostname);
  return html`<aside class="source-card" role="note" aria-label=${say("Source")}>
    <div class="grow">
      <strong>${source.type === "url"
        ? html`<a href=${safeUrl(source.url)} target="_blank" rel="noopener noreferrer">${source.title}</a>`
        : source.title}</strong>
      ${where && html`<div class="hint">${where}${source.timestamp ? ` · ${source.timestamp}` : ""}</div>`}
      ${source.description && html`<p>${source.description}</p>`}
    </div>
    <button type="button" class="icon-button" aria-label=${say("Close source")} onClick=${close}><${Icon} name="x" /></button>
  </aside>`;
}

/** A link's address, if it is one that a message may carry. */
export function safeUrl(url) {
  return /^https?:/i.test(url ?? "") ? url : undefined;
}
