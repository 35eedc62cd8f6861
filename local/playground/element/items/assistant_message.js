import { useMemo, useState } from "preact/hooks";
import { html, memo } from "../html.js";
import { Markdown } from "../views/markdown.js";
import { SourceList, SourcePopover } from "./sources.js";

/** The assistant's words: Markdown with numbered sources. */
export function AssistantMessage({ item, imageDomains }) {
  return item.content.map((part, index) => html`<${Part} key=${index} part=${part} imageDomains=${imageDomains} />`);
}

const Part = memo(function Part({ part, imageDomains }) {
  const [shown, setShown] = useState(null);
  const { sources, marks } = useMemo(() => numberSources(part.annotations ?? []), [part.annotations]);
  return html`<div class="assistant-text">
    <${Markdown}
      text=${part.text}
      annotations=${marks}
      imageDomains=${imageDomains}
      onCitation=${(number) => setShown(shown === number ? null : number)}
    />
    ${shown !== null && html`<${SourcePopover} source=${sources[shown - 1]} close=${() => setShown(null)} />`}
    ${sources.length > 0 && html`<${SourceList} sources=${sources} />`}
  </div>`;
});

/** Give every different source one number, and every annotation with a place in the text its mark. */
function numberSources(annotations) {
  const numbers = new Map();
  const sources = [];
  const marks = [];
  for (const { source, index } of annotations) {
    const key = `${source.type}:${source.url ?? source.filename ?? source.id}`;
    if (!numbers.has(key)) numbers.set(key, sources.push(source));
    if (index !== undefined && index !== null) marks.push({ index, number: numbers.get(key) });
  }
  return { sources, marks };
}
