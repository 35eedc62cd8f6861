import { useState } from "preact/hooks";
import { html, useParts, useSetup } from "../html.js";
import { Icon } from "../icons.js";
import { say } from "../texts.js";

/** The longest quotation that goes with a message, in characters: it is a pointer to a passage, not the passage's copy. */
const MAX_QUOTE = 2000;

/** The button's height with a gap, in px: it stands above what it quotes. */
const HEIGHT = 40;

/** Appears above text that the reader has selected in an answer, and takes it as the quotation of the next message. */
export function QuoteButton({ scroller }) {
  const { composer } = useParts();
  const [place, setPlace] = useState(null);
  useSetup(() => {
    const look = () => setPlace(selectionIn(scroller.current));
    document.addEventListener("selectionchange", look);
    return () => document.removeEventListener("selectionchange", look);
  }, []);
  if (!place) return null;
  const quote = () => {
    composer.set({ quote: place.text });
    setPlace(null);
    scroller.current.closest(".kit").querySelector(".composer textarea")?.focus();
  };
  // The button must not take the selection away before it is clicked.
  const keep = (event) => event.preventDefault();
  return html`<button
    type="button"
    class="button outline quote-button"
    style=${{ top: `${place.top}px`, left: `${place.left}px` }}
    onMouseDown=${keep}
    onClick=${quote}
  >
    <${Icon} name="quote" size=${14} /> ${say("Quote")}
  </button>`;
}

/** What is selected inside one answer, and where; null when nothing is. */
function selectionIn(scroller) {
  const root = scroller.getRootNode();
  // Chromium keeps a selection within a shadow tree there; other browsers tell it of the document.
  const selection = root.getSelection?.() ?? document.getSelection();
  if (!selection?.rangeCount || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0).cloneRange();
  const answer = answerOf(range.startContainer);
  if (!answer) return null;
  if (answerOf(range.endContainer) !== answer) {
    // A triple click ends before the first character of what comes next; a selection that goes on is no quotation.
    if (range.endOffset !== 0) return null;
    range.setEnd(answer, answer.childNodes.length);
  }
  const text = range.toString().trim();
  if (!text) return null;
  const area = range.getBoundingClientRect();
  const frame = scroller.getBoundingClientRect();
  return {
    text: text.slice(0, MAX_QUOTE),
    top: Math.max(0, area.top - frame.top + scroller.scrollTop - HEIGHT),
    left: Math.max(8, area.left - frame.left),
  };
}

function answerOf(node) {
  const element = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
  return element?.closest(".assistant-text > .markdown");
}
