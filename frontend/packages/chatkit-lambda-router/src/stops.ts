import type { Backend } from "./backend.js";

/** How often the router looks whether a stopped turn has ended, in ms, and how many times at most. */
const SETTLING_MILLISECONDS = 300;
const MAX_SETTLING_LOOKS = 20;

const HEADERS = { "content-type": "application/json" };

/** Stops turns on the server, and waits for their ends. */
export class Stops {
  #telling = new Map<string, Promise<boolean>>();
  #settling = new Set<string>();
  #backend: Backend;
  #reads: (threadId: string) => boolean;
  #ended: (threadId: string) => void;

  /**
   * @param reads tells whether ChatKit reads the answer of a turn in a thread
   * @param ended called when a thread's stopped turn has ended
   */
  constructor(backend: Backend, reads: (threadId: string) => boolean, ended: (threadId: string) => void) {
    this.#backend = backend;
    this.#reads = reads;
    this.#ended = ended;
  }

  /** Whether a thread's turn is being stopped. */
  has(threadId: string): boolean {
    return this.#telling.has(threadId) || this.#settling.has(threadId);
  }

  /** Resolves when the server has been told of a thread's Stop, if one is on its way. */
  telling(threadId: string): Promise<boolean> | undefined {
    return this.#telling.get(threadId);
  }

  /** Tell the server to stop a thread's running turn, and return whether it was told. Calls meanwhile share one request. */
  stop(threadId: string): Promise<boolean> {
    const running = this.#telling.get(threadId);
    if (running) return running;
    const stop = this.#cancel({ thread_id: threadId })
      .then((told) => told !== null)
      .finally(() => {
        this.#telling.delete(threadId);
        void this.#settle(threadId);
      });
    this.#telling.set(threadId, stop);
    return stop;
  }

  /** Stop the turn of a request, by its idempotency key, and return whether such a turn was running. */
  async stopRequest(key: string): Promise<boolean> {
    return (await this.#cancel({ idempotency_key: key }))?.cancelled ?? false;
  }

  /** Ask the server to stop a turn. Null: the server was not told. */
  async #cancel(named: { thread_id: string } | { idempotency_key: string }): Promise<{ cancelled: boolean } | null> {
    try {
      // `keepalive`: the request goes out even if the user closes the page right after Stop.
      const init = { method: "POST", headers: HEADERS, body: JSON.stringify(named), keepalive: true };
      const response = await this.#backend.send(`${this.#backend.apiUrl}/cancel`, init, { repeatable: true });
      if (response.ok) return (await response.json()) as { cancelled: boolean };
      console.error(`chatkit-lambda-router: Stop was answered with status ${response.status}.`);
    } catch (error) {
      console.error("chatkit-lambda-router: Stop did not reach the server.", error);
    }
    return null;
  }

  /** Wait until a stopped turn has ended: until then less is stored than ChatKit shows, and afterwards more. */
  async #settle(threadId: string): Promise<void> {
    this.#settling.add(threadId);
    const body = JSON.stringify({ type: "threads.get_by_id", params: { thread_id: threadId } });
    try {
      for (let look = 0; look < MAX_SETTLING_LOOKS && !this.#reads(threadId); look++) {
        const init = { method: "POST", headers: HEADERS, body };
        const response = await this.#backend.send(this.#backend.apiUrl, init, { repeatable: true });
        await response.body?.cancel();
        if (!response.headers.has("x-turn-id")) break;
        await pause(SETTLING_MILLISECONDS);
      }
    } catch {
      // ChatKit reads what there is.
    }
    this.#settling.delete(threadId);
    this.#ended(threadId);
  }
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
