import { useRef, useState } from "preact/hooks";
import { classes, html, useParts, useSetup } from "../html.js";
import { Icon } from "../icons.js";
import { ItemView } from "../items/item.js";
import { TurnActions } from "../items/turn_actions.js";
import { isBusy } from "../state/thread.js";
import { Notices } from "./notices.js";
import { QuoteButton } from "./quote_button.js";
import { say } from "../texts.js";

/** How near to the end (px) counts as reading along. */
const NEAR_END = 120;

/** The open thread: its items in turns, what is going on, notices and errors. */
export function ThreadView({ state }) {
  const { conversation } = useParts();
  const scroller = useRef(null);
  const [away, jump] = useFollow(scroller, state);
  const { items, loading, hasOlder, loadingOlder } = state;
  const busy = isBusy(state);
  return html`<div class="thread-frame"><section class="thread" ref=${scroller} tabindex="0" aria-label=${say("Conversation")}>
    <h2 class="for-screen-readers">${say("Conversation")}</h2>
    <div class="thread-inner">
      ${hasOlder && html`<${OlderItems} busy=${loadingOlder} load=${() => conversation.loadOlder()} />`}
      ${loading && html`<p class="empty" role="status"><${Icon} name="loader-circle" class="spin" /> ${say("Loading…")}</p>`}
      ${turnsOf(items).map((turn, index, all) => {
        const active = busy && index === all.length - 1;
        return html`<section class=${classes("turn", active && "active")} key=${turn.key}>
          ${turn.items.map((item) => html`<${ItemView}
                key=${item.id}
                item=${item}
                active=${active}
                imageDomains=${state.thread?.allowed_image_domains}
              />`)}
          ${!active && html`<${TurnActions} turn=${turn} state=${state} />`}
        </section>`;
      })}
      <${Activity} state=${state} />
      <${Notices} notices=${state.notices} />
      <${ThreadError} error=${state.error} />
    </div>
    <${QuoteButton} scroller=${scroller} />
    <p class="for-screen-readers" role="status">${busy ? say("Answering") : items.length > 0 && !loading ? say("Ready") : ""}</p>
  </section>
  ${away &&
  html`<button type="button" class="jump" onClick=${jump}><${Icon} name="arrow-down" size=${16} /> ${say("Jump to latest")}</button>`}
  </div>`;
}

/** Cut a thread into turns: each begins with a user message. */
function turnsOf(items) {
  const turns = [];
  for (const item of items) {
    if (item.type === "user_message" || turns.length === 0) turns.push({ key: item.id, items: [] });
    turns.at(-1).items.push(item);
  }
  return turns;
}

/**
 * Keep the end in sight while the reader is there, and the reader's place when older items come in above it. Only the
 * reader leaves the end, by scrolling up: what grows does not. Sending a message leads back to it.
 * @returns {[boolean, () => void]} whether the reader is away from the end, and what leads there
 */
function useFollow(scroller, { items, thread, loading }) {
  const [away, setAway] = useState(false);
  const following = useRef(true);
  const top = useRef(0);
  const height = useRef(0);
  const first = useRef(null);
  const sent = useRef(null);
  const follow = (on) => {
    following.current = on;
    setAway(!on);
  };
  const toEnd = () => {
    const element = scroller.current;
    element.scrollTop = element.scrollHeight;
    top.current = element.scrollTop;
  };
  useSetup(() => {
    const element = scroller.current;
    const grow = () => following.current && toEnd();
    const watch = () => {
      const near = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_END;
      if (near) follow(true);
      else if (element.scrollTop < top.current) follow(false);
      top.current = element.scrollTop;
    };
    // Whatever grows: words, a picture that has loaded, the buttons under an answer.
    const observer = new ResizeObserver(grow);
    observer.observe(element.querySelector(".thread-inner"));
    observer.observe(element);
    element.addEventListener("scroll", watch, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", watch);
    };
  }, []);
  useSetup(() => {
    const element = scroller.current;
    const prepended = first.current && items[0] && items[0].id !== first.current && !following.current;
    if (prepended) {
      element.scrollTop += element.scrollHeight - height.current;
      top.current = element.scrollTop;
    }
    height.current = element.scrollHeight;
    first.current = items[0]?.id ?? null;
    // A quick server confirms a message before it is drawn as unconfirmed, so each new user message counts.
    const newest = items.findLast((item) => item.type === "user_message")?.id ?? null;
    if (newest !== null && newest !== sent.current) {
      follow(true);
      toEnd();
    }
    sent.current = newest;
  }, [items]);
  useSetup(() => {
    follow(true);
    toEnd();
  }, [thread?.id, loading]);
  const jump = () => {
    follow(true);
    toEnd();
  };
  return [away, jump];
}

function OlderItems({ busy, load }) {
  const ref = useRef(null);
  useSetup(() => {
    const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && load());
    observer.observe(ref.current);
    return () => observer.disconnect();
  });
  return html`<button type="button" class="button outline older" ref=${ref} disabled=${busy} onClick=${load}>
    ${busy ? say("Loading…") : say("Show earlier messages")}
  </button>`;
}

function Activity({ state }) {
  const { progress, items } = state;
  if (!isBusy(state)) return null;
  if (progress) {
    return html`<p class="progress" role="status"><${Icon} name=${progress.icon ?? "sparkle"} /> ${progress.text}</p>`;
  }
  const waiting = items.length === 0 || items.at(-1).type === "user_message";
  return waiting && html`<p class="thinking" role="status" aria-label=${say("Waiting for the answer")}><i></i><i></i><i></i></p>`;
}

const SPOKEN = { "stream.error": () => say("Something went wrong while answering.") };

function ThreadError({ error }) {
  const { conversation } = useParts();
  if (!error) return null;
  const message = error.message ?? SPOKEN[error.code]?.() ?? say("Something went wrong.");
  return html`<div class="notice danger error" role="alert">
    <${Icon} name="circle-alert" />
    <span class="grow" dir="auto">${message}</span>
    ${(error.allowRetry || error.reopen) &&
    html`<button type="button" class="button outline" onClick=${() => conversation.retryLast()}>
      <${Icon} name="rotate-cw" /> ${say("Retry")}
    </button>`}
  </div>`;
}
