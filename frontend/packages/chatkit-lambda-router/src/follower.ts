import type { Backend } from "./backend.js";
import { EventScan } from "./events.js";
import { messageIn } from "./operations.js";
import type { Turn, Turns } from "./turns.js";

/** Waits between attempts to join a turn, in ms: a deployment or a short outage is over by then. */
const DELAYS = [0, 1000, 3000, 9000, 27_000];

/** How often ChatKit reads the thread while a turn is followed, in ms. */
const REFRESH_MILLISECONDS = 700;

interface Surroundings {
  openThread(): string | null | undefined;
  showThread(threadId: string): void;
  changed(threadId: string | null): void;
  onFollow(following: boolean): void;
}

/**
 * Follows turns that ChatKit does not read, after a reload or a return to a thread.
 *
 * ChatKit has no way to join a running turn. So the router joins it, by the same request with the same key, and lets
 * ChatKit read the thread while the answer grows.
 */
export class Follower {
  #backend: Backend;
  #turns: Turns;
  #around: Surroundings;
  #following = new Map<Turn, AbortController>();

  constructor(backend: Backend, turns: Turns, around: Surroundings) {
    this.#backend = backend;
    this.#turns = turns;
    this.#around = around;
  }

  /** Follow a turn to its end. */
  async follow(turn: Turn): Promise<void> {
    if (this.#following.has(turn)) return;
    const end = new AbortController();
    this.#following.set(turn, end);
    if (this.#following.size === 1) this.#around.onFollow(true);
    try {
      for (const delay of DELAYS) {
        await new Promise((resolve) => setTimeout(resolve, delay));
        if (end.signal.aborted || (await this.#join(turn, end.signal))) break;
      }
    } finally {
      this.#following.delete(turn);
      if (this.#following.size === 0) this.#around.onFollow(false);
      this.#around.changed(turn.threadId);
    }
  }

  /** Follow no turn of a thread any more: ChatKit reads a newer one there. */
  leave(threadId: string | null): void {
    for (const [turn, end] of this.#following) if (turn.threadId === threadId) end.abort();
  }

  /** Follow nothing any more. */
  end(): void {
    for (const end of this.#following.values()) end.abort();
  }

  /** Join a turn and read it to its end. Return whether no other attempt is needed. */
  async #join(turn: Turn, signal: AbortSignal): Promise<boolean> {
    const headers = {
      "content-type": "application/json",
      accept: "text/event-stream",
      "idempotency-key": turn.key,
    };
    try {
      const init = { method: "POST", headers, body: turn.body, signal };
      const response = await this.#backend.send(this.#backend.streamUrl, init, { repeatable: true });
      if (!response.ok) {
        await response.body?.cancel();
        if (response.status >= 500) return false;
        // The server does not take the request: what a person has written is not lost, everything else is over.
        if (turn.progress === "accepted" || !messageIn(turn.body)) this.#turns.forget(turn);
        return true;
      }
      turn.progress = "accepted";
      this.#turns.save();
      if (!(await this.#read(turn, response))) return false;
      this.#turns.forget(turn);
      return true;
    } catch {
      return signal.aborted;
    }
  }

  async #read(turn: Turn, response: Response): Promise<boolean> {
    if (!response.body) return true;
    const created: string[] = [];
    const scan = new EventScan((threadId) => created.push(threadId));
    const reader = response.body.getReader();
    let shown = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return scan.whole;
      scan.push(value);
      const threadId = created.pop();
      if (threadId !== undefined) {
        turn.threadId = threadId;
        this.#turns.save();
        this.#around.showThread(threadId);
      }
      if (Date.now() - shown < REFRESH_MILLISECONDS || this.#around.openThread() !== turn.threadId) continue;
      shown = Date.now();
      this.#around.changed(turn.threadId);
    }
  }
}
