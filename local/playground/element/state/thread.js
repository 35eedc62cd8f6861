import { applyUpdate } from "./updates.js";

/** What the page knows of a thread before anything was sent or loaded. */
export const EMPTY_THREAD = {
  thread: null,
  items: [],
  hasOlder: false,
  olderAfter: null,
  allowCancel: true,
  progress: null,
  notices: [],
  error: null,
};

/** Prefix of the ids of messages that the server has not confirmed yet. */
const UNCONFIRMED = "unconfirmed-";

/** Make the user's message appear before the server has it. */
export function addUnconfirmed(state, input, attachments) {
  const item = {
    type: "user_message",
    id: `${UNCONFIRMED}${crypto.randomUUID()}`,
    created_at: new Date().toISOString(),
    content: input.content,
    quoted_text: input.quoted_text,
    attachments,
    inference_options: input.inference_options,
  };
  return { ...state, items: [...state.items, item], error: null };
}

export const isUnconfirmed = (item) => item.id.startsWith(UNCONFIRMED);

/** Whether a turn runs in the open thread: one that this element reads, one that the server says runs, or one that is being stopped. */
export const isBusy = (state) => state.running || state.elsewhere !== null || state.stopping;

/** Mark the messages that the server has not confirmed as not sent: each gets a button to send it again. */
export function markUnsent(state) {
  const mark = (item) => (isUnconfirmed(item) ? { ...item, unsent: true } : item);
  return { items: state.items.map(mark) };
}

/**
 * Put what the server has stored in the place of what is shown.
 *
 * Three kinds of items stay: older ones than the server was asked for, messages that it does not have, and equal ones,
 * so that they are not drawn again.
 */
export function mergeLoaded(state, loaded) {
  const shown = new Map(state.items.map((item) => [item.id, item]));
  const same = (item) => JSON.stringify(shown.get(item.id)) === JSON.stringify(item);
  const items = loaded.items.map((item) => (same(item) ? shown.get(item.id) : item));
  const start = items.length ? state.items.findIndex((item) => item.id === items[0].id) : -1;
  const older = start > 0 ? state.items.slice(0, start).filter((item) => !isUnconfirmed(item)) : [];
  const arrived = items.filter((item) => item.type === "user_message" && !shown.has(item.id));
  const unsent = state.items.filter((item) => isUnconfirmed(item) && !arrived.some((other) => saysTheSame(other, item)));
  const paging = older.length ? { hasOlder: state.hasOlder, olderAfter: state.olderAfter } : {};
  return {
    ...loaded,
    ...paging,
    items: [...older, ...items, ...unsent],
    // What runs on the server has not failed.
    error: loaded.elsewhere ? null : state.error,
  };
}

const saysTheSame = (one, other) => textOf(one) === textOf(other);
const textOf = (item) => item.content.map((part) => part.text).join("");

/**
 * Apply one of the protocol's stream events to a thread's state.
 * `client_effect` changes nothing here: whoever reads the stream hands it to the page.
 */
export function applyEvent(state, event) {
  switch (event.type) {
    case "thread.created":
    case "thread.updated":
      return { ...state, thread: metadataOf(event.thread) };
    case "thread.item.added":
    case "thread.item.done":
    case "thread.item.replaced":
      return upsert(state, event.item);
    case "thread.item.updated":
      return {
        ...state,
        progress: null,
        items: state.items.map((item) => (item.id === event.item_id ? applyUpdate(item, event.update) : item)),
      };
    case "thread.item.removed":
      return { ...state, items: state.items.filter((item) => item.id !== event.item_id) };
    case "stream_options":
      return { ...state, allowCancel: event.stream_options.allow_cancel };
    case "progress_update":
      return { ...state, progress: { icon: event.icon, text: event.text } };
    case "notice": {
      const { level, title, message } = event;
      return { ...state, notices: [...state.notices, { id: crypto.randomUUID(), level, title, message }] };
    }
    case "error":
      return {
        ...state,
        progress: null,
        error: { code: event.code, message: event.message, allowRetry: event.allow_retry ?? false },
      };
    default:
      return state;
  }
}

function upsert(state, item) {
  const ours = item.type === "user_message";
  // The confirmed message takes the place of the one shown in advance; one that was not sent stays.
  const items = ours ? state.items.filter((other) => !isUnconfirmed(other) || other.unsent) : state.items;
  const known = items.some((other) => other.id === item.id);
  return {
    ...state,
    progress: ours ? state.progress : null,
    items: known ? items.map((other) => (other.id === item.id ? item : other)) : [...items, item],
  };
}

/** A thread without its items. */
export function metadataOf(thread) {
  const { items: _items, ...metadata } = thread;
  return metadata;
}

/** Cut the thread after a user message, as `threads.retry_after_item` does on the server. */
export function truncateAfter(state, itemId) {
  const index = state.items.findIndex((item) => item.id === itemId);
  return index < 0 ? state : { ...state, items: state.items.slice(0, index + 1), error: null };
}

/** Put a page of older items (oldest first) in front of what is shown. */
export function prependItems(state, older, page) {
  const known = new Set(state.items.map((item) => item.id));
  return {
    ...state,
    items: [...older.filter((item) => !known.has(item.id)), ...state.items],
    hasOlder: page.has_more,
    olderAfter: page.after ?? null,
  };
}
