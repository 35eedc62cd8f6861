import { useRef } from "preact/hooks";
import { COPIED_MILLISECONDS, copyText } from "../clipboard.js";
import { html, memo, useParts, useSetup, useTimer } from "../html.js";
import { deeplinkOf, renderMarkdown } from "../markdown.js";

/**
 * Markdown as a safe piece of the page. Clicks on deep links become `chatkit.deeplink` events, on a
 * source's number `onCitation(number)`.
 */
export const Markdown = memo(function Markdown({ text, annotations, imageDomains, onCitation }) {
  const ref = useRef(null);
  const { kit } = useParts();
  const timer = useTimer();
  useSetup(() => {
    ref.current.replaceChildren(renderMarkdown(text, { annotations, imageDomains }));
  }, [text, annotations, imageDomains]);
  const click = (event) => {
    const link = event.target.closest("a");
    const deeplink = deeplinkOf(link?.getAttribute("href"));
    if (deeplink) {
      event.preventDefault();
      kit.emit("deeplink", deeplink);
    }
    const citation = event.target.closest("[data-citation]");
    if (citation) onCitation?.(Number(citation.dataset.citation), citation);
    const copy = event.target.closest("[data-copy]");
    if (copy) copyCode(copy, kit, timer);
  };
  return html`<div class="markdown" ref=${ref} onClick=${click}></div>`;
});

async function copyCode(button, kit, timer) {
  const code = button.closest("pre").querySelector("code").textContent;
  if (!(await copyText(kit, code))) return;
  button.textContent = "Copied";
  timer.start(() => (button.textContent = "Copy"), COPIED_MILLISECONDS);
}
