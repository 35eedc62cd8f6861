import type { Backend } from "./backend.js";
import { EventScan } from "./events.js";
import { messageIn } from "./operations.js";
import type { RouterOptions } from "./options.js";
import { sameSubject, subjectOf, type Turn, type Turns } from "./turns.js";
import type { View } from "./view.js";

/** Takes care of messages that the server has not accepted: a person's words and files are never lost. */
export class Unsent {
  #backend: Backend;
  #turns: Turns;
  #view: View;
  #onUnsent: RouterOptions["onUnsent"];
  #givenBack = new Set<Turn>();
  #recovered = new Set<Turn>();

  constructor(backend: Backend, turns: Turns, view: View, onUnsent: RouterOptions["onUnsent"]) {
    this.#backend = backend;
    this.#turns = turns;
    this.#view = view;
    this.#onUnsent = onUnsent;
  }

  /** Give the user the words of a message that the server does not have. */
  giveBack(turn: Turn, { afterReload = false } = {}): void {
    const said = messageIn(turn.body);
    if (!said) return;
    const { attachments } = turn;
    const message = attachments.length > 0 ? { ...said, attachments } : said;
    this.#givenBack.add(turn);
    if (this.#onUnsent) this.#onUnsent({ threadId: turn.threadId, afterReload, ...message });
    else this.#view.compose(message);
  }

  /** Forget the words that the router has given back: the user has sent them, or other ones. */
  sentAtLast(): void {
    for (const turn of this.#givenBack) if (turn.progress === "failed") this.#turns.forget(turn);
    this.#givenBack.clear();
  }

  /** Take up the messages of this tab's earlier page that the server has not accepted. */
  async recover(): Promise<void> {
    const { thread } = this.#view;
    const unsent = this.#turns.open.filter(
      (turn) =>
        turn.frame === null && !this.#recovered.has(turn) && turn.threadId === (thread ?? null),
    );
    if (unsent.length === 0) return;
    for (const turn of unsent) this.#recovered.add(turn);
    const subject = subjectOf(await this.#backend.currentToken());
    for (const turn of unsent) {
      if (!sameSubject(turn.subject, subject)) this.#turns.forget(turn);
      else if (turn.progress === "failed") this.giveBack(turn, { afterReload: true });
      else await this.#deliver(turn);
    }
  }

  /**
   * Send a request that was on its way when the page was left, with the same key: if the server has it, nothing is done
   * twice. ChatKit does not read this answer; it reads the thread.
   */
  async #deliver(turn: Turn): Promise<void> {
    const connection = new AbortController();
    const headers = { "content-type": "application/json", accept: "text/event-stream", "idempotency-key": turn.key };
    const init = { method: "POST", headers, body: turn.body, signal: connection.signal };
    try {
      const response = await this.#backend.send(this.#backend.streamUrl, init, { repeatable: true });
      if (!response.ok) throw new Error(`The server answered ${response.status}.`);
      const threadId = turn.threadId ?? (await threadIn(response));
      this.#turns.forget(turn);
      if (threadId === null) return;
      if (turn.threadId === null) this.#view.show(threadId);
      else this.#view.refresh(threadId);
    } catch (error) {
      console.warn("chatkit-lambda-router: a message of the earlier page could not be sent.", error);
      this.#turns.note(turn, "failed");
      this.giveBack(turn, { afterReload: true });
    } finally {
      connection.abort();
    }
  }
}

/** Read an answer up to the thread that it creates. */
async function threadIn(response: Response): Promise<string | null> {
  let found: string | null = null;
  const scan = new EventScan((threadId) => (found = threadId));
  const reader = response.body?.getReader();
  while (reader && found === null) {
    const { done, value } = await reader.read();
    if (done) break;
    scan.push(value);
  }
  return found;
}
