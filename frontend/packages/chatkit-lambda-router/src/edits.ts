import type { Operation } from "./operations.js";

/** The messages that replace earlier ones. ChatKit has no such messages, so the router marks their requests. */
export class Edits {
  #next: { threadId: string; itemId: string } | null = null;
  /** The marked bodies by ChatKit's own: ChatKit may send the same request again. */
  #marked = new Map<string, string>();

  /** The next message of a thread replaces this item. */
  begin(threadId: string, itemId: string): void {
    this.#next = { threadId, itemId };
  }

  /** The user has opened another thread, so the next message replaces nothing. */
  forget(): void {
    this.#next = null;
  }

  /** Return the body to send for ChatKit's. */
  marked({ type, threadId }: Operation, body: string): string {
    const next = this.#next;
    if (next && type === "threads.add_user_message" && threadId === next.threadId) {
      this.#next = null;
      this.#marked.set(body, JSON.stringify({ ...JSON.parse(body), metadata: { edit_of: next.itemId } }));
    }
    return this.#marked.get(body) ?? body;
  }

  /** An answer has ended: the same words are a new message from now on. */
  ended(sent: string): void {
    for (const [body, marked] of this.#marked) if (marked === sent) this.#marked.delete(body);
  }
}
