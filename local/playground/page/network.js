import { readEvents } from "../element/protocol/sse.js";
import { say } from "../element/texts.js";

/** Events that are kept of one request, lest a long answer fill the page's memory. */
const MOST_EVENTS = 2000;

/** How many events pass before a connection is cut, and how long a slow one rests between two pieces, in ms. */
const EVENTS_BEFORE_CUT = 5;
const SLOW_MILLISECONDS = 400;

/** What the failure switch offers: the answer in place of the backend's, or what happens to its stream. */
export const FAILURES = {
  none: () => say("None"),
  cut: () => say("Cut the connection"),
  401: () => say("401: signed out"),
  429: () => say("429: over quota"),
  503: () => say("503: not available"),
  slow: () => say("Slow connection"),
};

const STATUSES = ["401", "429", "503"];

/**
 * Watch what the page sends to the backend, and let it fail when the panel says so. It takes the place of the page's
 * `fetch`, because the router uses that.
 * @param {string[]} urls the backend's endpoints
 * @returns {{failure: string, last: object | null, subscribe: (listener: () => void) => () => void}}
 */
export function watchNetwork(urls) {
  const send = globalThis.fetch.bind(globalThis);
  const ours = new Set(urls.map((url) => new URL(url).href));
  const listeners = new Set();
  const network = {
    failure: "none",
    last: null,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const tell = () => listeners.forEach((listener) => listener());

  globalThis.fetch = async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input, document.baseURI);
    if (!ours.has(url.href) || init?.method !== "POST") return send(input, init);
    const streaming = new Headers(init.headers).get("accept")?.includes("event-stream") ?? false;
    const record = { url: url.href, init, started: performance.now(), sentAt: Date.now(), status: null, turnId: null, events: [], ended: false };
    if (streaming) network.last = record;
    const { failure } = network;
    if (STATUSES.includes(failure)) {
      record.status = Number(failure);
      tell();
      const error = { code: "playground", message: say("The playground answers {status} in the backend's place.", { status: failure }) };
      return Response.json({ error }, { status: record.status });
    }
    const response = await send(input, init);
    record.status = response.status;
    record.turnId = response.headers.get("x-turn-id");
    if (!streaming || !response.ok || !response.body) return (record.ended = true), tell(), response;
    const [shown, watched] = response.body.tee();
    note(watched, record, tell);
    const body = failure === "cut" || failure === "slow" ? shown.pipeThrough(harm(failure)) : shown;
    const { status, statusText, headers } = response;
    return new Response(body, { status, statusText, headers });
  };
  return network;
}

async function note(stream, record, tell) {
  try {
    for await (const event of readEvents(stream)) {
      if (record.events.length < MOST_EVENTS) record.events.push({ at: performance.now() - record.started, event });
      tell();
    }
  } catch (error) {
    record.events.push({ at: performance.now() - record.started, event: { type: "(the stream broke)", reason: String(error) } });
  }
  record.ended = true;
  tell();
}

function harm(failure) {
  let pieces = 0;
  return new TransformStream({
    async transform(piece, controller) {
      if (failure === "slow") await new Promise((resolve) => setTimeout(resolve, SLOW_MILLISECONDS));
      else if (++pieces > EVENTS_BEFORE_CUT) return controller.error(new TypeError("The playground has cut the connection."));
      controller.enqueue(piece);
    },
  });
}

/** A request as a command line. A token in it is the dev server's own, which nothing else accepts. */
export function asCurl({ url, init }) {
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const headers = [...new Headers(init.headers)].map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`);
  return ["curl -N", quote(url), ...headers, "--data-raw", quote(String(init.body))].join(" ");
}
