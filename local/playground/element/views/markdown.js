import { useRef } from "preact/hooks";
import { COPIED_MILLISECONDS, copyText } from "../clipboard.js";
import { html, memo, useParts, useSetup, useTimer } from "../html.js";
import { MarkdownView, deeplinkOf, finish } from "../markdown.js";
import { say } from "../texts.js";

/** How long a text must rest before its code is coloured and its formulas are drawn, in ms. */
const FINISH_MILLISECONDS = 150;

/**
 * Markdown as a safe piece of the page. Clicks on deep links become `chatkit.deeplink` events, on a
 * source's number `onCitation(number)`.
 */
export const Markdown = memo(function Markdown({ text, annotations, imageDomains, onCitation }) {
  const ref = useRef(null);
  const { kit } = useParts();
  const timer = useTimer();
  const view = useRef(null);
  const finishing = useTimer();
  useSetup(() => {
    view.current ??= new MarkdownView(ref.current);
    view.current.draw(text, { annotations, imageDomains });
    // Not at each word: a block that is being written would be coloured again and again.
    finishing.start(() => finish(ref.current), FINISH_MILLISECONDS);
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
  const code = button.closest(".code-block").querySelector("code").textContent;
  if (!(await copyText(kit, code))) return;
  button.textContent = say("Copied");
  timer.start(() => (button.textContent = say("Copy")), COPIED_MILLISECONDS);
}
