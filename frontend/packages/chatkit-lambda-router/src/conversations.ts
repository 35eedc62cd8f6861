import type { Backend } from "./backend.js";
import { Documents } from "./documents.js";
import { fork, questions, type Question } from "./forks.js";
import { ask } from "./json.js";
import { Memory } from "./memory.js";
import { People } from "./people.js";
import { search, type Hits } from "./search.js";
import { Shares } from "./shares.js";

/** A part of a page that a setting or a role turns on. `public_shares`: a link may work for everybody. */
export type Part =
  | "search"
  | "shares"
  | "public_shares"
  | "documents"
  | "tenant_documents"
  | "person"
  | "people"
  | "tenant_usage";

/** What a page offers around the element: for the open conversation, and for the others of its user. */
export abstract class Conversations {
  /** A person in place of the assistant: for the user, and for the staff. */
  readonly people: People;
  /** Links to snapshots of conversations: make, list, revoke and read them. */
  readonly shares: Shares;
  /** The facts that the assistant keeps about the user, and the switch of the memory. */
  readonly memory: Memory;
  /** The user's own documents, which the assistant searches. */
  readonly documents: Documents;
  #backend: Backend;

  protected constructor(backend: Backend) {
    this.#backend = backend;
    this.people = new People(backend, () => this.openThread);
    this.memory = new Memory(backend);
    this.shares = new Shares(backend, () => this.openThread);
    this.documents = new Documents(backend, { scope: "user" });
  }

  /** Open one of the user's conversations. */
  abstract open(threadId: string): Promise<void>;

  /** The open thread; null for none. */
  protected abstract get thread(): string | null;

  /** The open thread. */
  protected get openThread(): string {
    const { thread } = this;
    if (thread === null) throw new Error("No conversation is open.");
    return thread;
  }

  /**
   * Give a visitor's threads to the user who has signed in. Call it after the sign-in, when `token` returns the user's
   * token, and before the element shows its list of threads. It may be called again: what has moved stays.
   *
   * @param visitorToken the visitor's token that the page has kept; null if the visitor's token is in a cookie
   * @returns how many threads the server still moves; they follow within minutes
   * @throws Error if the server did not take the threads along
   */
  async takeAlong(visitorToken: string | null): Promise<number> {
    const init = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(visitorToken === null ? {} : { visitor_token: visitorToken }),
    };
    const response = await this.#backend.send(`${this.#backend.apiUrl}/visitor/take-along`, init, { repeatable: true });
    if (!response.ok) throw new Error(`The conversations could not be taken along (${response.status}).`);
    const { pending } = (await response.json()) as { pending: number };
    return pending;
  }

  /** The parts that a page may show to this user. The server refuses the requests of all others. */
  async parts(): Promise<ReadonlySet<Part>> {
    return new Set((await ask<{ parts: Part[] }>(this.#backend, "GET", `${this.#backend.apiUrl}/choices`)).parts);
  }

  /** The documents of the user's tenant and its groups, or of one group, for roles that may change them. */
  tenantDocuments(group?: string): Documents {
    return new Documents(this.#backend, { scope: "tenant", ...(group === undefined ? {} : { group }) });
  }

  /** The user's newest messages in the open thread, the newest first: for a page that offers to fork or to edit. */
  async questions(): Promise<Question[]> {
    return questions(this.#backend, this.openThread);
  }

  /**
   * Copy the open thread up to an item into a new thread, and open that.
   *
   * @param before whether to leave the item out, to ask its question in another way
   * @throws Error with the server's message
   */
  async fork(itemId: string, { before = false }: { before?: boolean } = {}): Promise<string> {
    const threadId = await fork(this.#backend, this.openThread, itemId, before);
    await this.open(threadId);
    return threadId;
  }

  /**
   * Search the user's conversations by words, the newest first.
   *
   * @param after the `next` of the page before
   * @throws Error with the server's message
   */
  search(query: string, after?: string): Promise<Hits> {
    return search(this.#backend, query, after);
  }
}
