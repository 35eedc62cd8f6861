import { RequestError, responseError } from "./errors.js";
import { readEvents } from "./sse.js";
import { say } from "../texts.js";

/** Waits between attempts, in ms: five attempts in about 16 s, as ChatKit's own component is reported to make. */
const RETRY_DELAYS = [500, 1500, 4500, 9500];

/** The operations that change nothing, so that a failed one may simply be asked again. */
const READS = new Set(["threads.get_by_id", "threads.list", "items.list"]);

/** Speaks the ChatKit protocol with one endpoint: JSON operations, streamed operations, uploads. */
export class ProtocolClient {
  /**
   * @param {{url: string, fetch?: typeof fetch, uploadStrategy?: object}} api
   * @param {(name: string, data: object) => void} log receives one diagnostic entry a request
   */
  constructor(api, log) {
    this.api = api;
    this.log = log;
    this.frameInstanceId = crypto.randomUUID();
  }

  fetch(url, init) {
    // Called bare: the browser's own fetch refuses to run as a method of another object.
    const run = this.api.fetch ?? ((...args) => fetch(...args));
    return run(url, init);
  }

  post(body, signal, accept) {
    return this.fetch(this.api.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept,
        "chatkit-frame-instance-id": this.frameInstanceId,
      },
      body,
      signal,
    });
  }

  /** Run one non-streaming operation and return its JSON. */
  async call(type, params) {
    return (await this.request(type, params)).json();
  }

  /** Read a thread or its items; `turnId` is the turn that runs there, where the server says so. */
  async read(type, params) {
    const response = await this.request(type, params);
    const header = this.api.turnHeader;
    return { value: await response.json(), turnId: header ? response.headers.get(header) : null };
  }

  async request(type, params) {
    const body = JSON.stringify({ type, params });
    const delays = READS.has(type) ? RETRY_DELAYS.slice(0, 2) : [];
    return this.withRetries(type, delays, undefined, async () => {
      const response = await this.post(body, undefined, "application/json");
      if (!response.ok) throw await responseError(response);
      return response;
    });
  }

  /**
   * Run one streaming operation, event by event. A 5xx, a wrong content type or a stream that was cut
   * is asked for again with the very same body; a 4xx is final.
   * @param {string} type
   * @param {object} params
   * @param {{signal: AbortSignal, onEvent: (event: object) => void, onAttempt: (attempt: number) => void}} hooks
   */
  async stream(type, params, { signal, onEvent, onAttempt }) {
    const body = JSON.stringify({ type, params });
    let attempt = 0;
    await this.withRetries(type, RETRY_DELAYS, signal, async () => {
      onAttempt(attempt++);
      const response = await this.post(body, signal, "text/event-stream");
      if (!response.ok) throw await responseError(response);
      if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
        throw new RequestError(say("The server did not answer with a stream."), { retryable: true });
      }
      for await (const event of readEvents(response.body)) onEvent(event);
    });
  }

  async withRetries(type, delays, signal, run) {
    for (let attempt = 0; ; attempt++) {
      try {
        this.log("request", { type, attempt });
        return await run();
      } catch (error) {
        if (signal?.aborted) throw error;
        const final = error instanceof RequestError && !error.retryable;
        if (final || attempt >= delays.length) throw asRequestError(error);
        this.log("request.retry", { type, attempt, reason: String(error) });
        await pause(delays[attempt], signal);
      }
    }
  }
}

function asRequestError(error) {
  if (error instanceof RequestError) return error;
  return new RequestError(say("The connection to the server was lost."), { retryable: true });
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
