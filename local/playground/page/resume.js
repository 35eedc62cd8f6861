import { readEvents } from "../element/protocol/sse.js";

const KEY = "chatkit-playground-turn";

/**
 * The turn that runs, remembered for as long as it does, so that a reload in the middle finds it again.
 *
 * Each streaming request goes out with an `Idempotency-Key`; a repetition of its body, also one after a reload,
 * carries the same key and so joins the turn instead of beginning another.
 */
export function createPendingTurn() {
  return {
    /** The key for a request's body: the one it already has, or a new one. */
    keyFor(body) {
      const known = this.get();
      if (known?.body === body) return known.key;
      const key = crypto.randomUUID();
      sessionStorage.setItem(KEY, JSON.stringify({ body, key }));
      return key;
    },
    get: () => JSON.parse(sessionStorage.getItem(KEY)),
    clear: () => sessionStorage.removeItem(KEY),
  };
}

/**
 * Open the thread that a reload has left before its id was known: the same request with the same key names it.
 * @param {HTMLElement} element the chat
 * @param {{body: string, key: string}} turn
 * @param {{url: string, fetch: typeof fetch}} api
 */
export async function findThread(element, { body }, { url, fetch }) {
  const headers = { "content-type": "application/json", accept: "text/event-stream" };
  const response = await fetch(url, { method: "POST", headers, body });
  if (!response.ok) return;
  for await (const event of readEvents(response.body)) {
    if (event.type === "thread.created") return element.setThreadId(event.thread.id);
  }
}
