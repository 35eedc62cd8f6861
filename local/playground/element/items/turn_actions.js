import { useState } from "preact/hooks";
import { COPIED_MILLISECONDS, copyText } from "../clipboard.js";
import { html, useMounted, useParts, useTimer } from "../html.js";
import { Icon } from "../icons.js";
import { isBusy } from "../state/thread.js";
import { say } from "../texts.js";

/** What a reader can do with a finished answer: copy it, say whether it was good, have it made anew. */
export function TurnActions({ turn, state }) {
  const { conversation } = useParts();
  const answers = turn.items.filter((item) => ["assistant_message", "widget", "generated_image"].includes(item.type));
  if (answers.length === 0 || !state.thread) return null;
  const { feedback: canRate = false, retry: canRetry = false } = state.options.threadItemActions ?? {};
  const question = turn.items.find((item) => item.type === "user_message");
  const ids = answers.map((item) => item.id);
  const given = state.feedback[ids.at(-1)];
  const text = answers.map(textOf).filter(Boolean).join("\n\n");
  return html`<div class="turn-actions">
    ${text && html`<${CopyButton} text=${text} />`}
    ${canRate &&
    ["positive", "negative"].map(
      (kind) => html`<button
        key=${kind}
        type="button"
        class="icon-button"
        aria-label=${kind === "positive" ? say("Good response") : say("Bad response")}
        aria-pressed=${given === kind}
        onClick=${() => conversation.rate(ids, kind)}
      >
        <${Icon} name=${kind === "positive" ? "thumbs-up" : "thumbs-down"} />
      </button>`,
    )}
    ${canRetry &&
    question &&
    html`<button
      type="button"
      class="icon-button"
      aria-label=${say("Answer again")}
      disabled=${isBusy(state)}
      onClick=${() => conversation.retry(question.id)}
    >
      <${Icon} name="rotate-cw" />
    </button>`}
  </div>`;
}

function textOf(item) {
  if (item.type === "assistant_message") return item.content.map((part) => part.text).join("");
  return item.copy_text;
}

function CopyButton({ text }) {
  const { kit } = useParts();
  const [copied, setCopied] = useState(false);
  const mounted = useMounted();
  const timer = useTimer();
  const copy = async () => {
    if (!(await copyText(kit, text)) || !mounted.current) return;
    setCopied(true);
    timer.start(() => setCopied(false), COPIED_MILLISECONDS);
  };
  return html`<button type="button" class="icon-button" aria-label=${copied ? say("Copied") : say("Copy")} onClick=${copy}>
    <${Icon} name=${copied ? "check" : "copy"} />
  </button>`;
}
