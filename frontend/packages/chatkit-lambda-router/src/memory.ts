import type { Backend } from "./backend.js";
import { ask } from "./json.js";

/** A fact that the assistant keeps about the user. */
export interface Fact {
  id: string;
  fact: string;
  /** Where it comes from: `docs/memory.md` explains the words. */
  source: "asked" | "approved" | "own_words" | "edited";
  /** What else the model had read before the user approved it. */
  outside: string[];
  thread_id: string | null;
  created_at: string;
  changed_at: string;
}

/** What the assistant keeps about the user: to show, change, remove and switch off. */
export class Memory {
  #backend: Backend;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** The facts, the newest first, and whether the assistant reads and keeps any. */
  read(): Promise<{ on: boolean; facts: Fact[]; most: number }> {
    return ask(this.#backend, "GET", this.#url());
  }

  /** Let the assistant read and keep facts, or no longer. The facts stay. */
  async switch(on: boolean): Promise<void> {
    await ask(this.#backend, "POST", this.#url(), { on });
  }

  /** Replace a fact's text. */
  change(id: string, fact: string): Promise<Fact> {
    return ask(this.#backend, "POST", this.#url(id), { fact });
  }

  /** Remove a fact. */
  async remove(id: string): Promise<void> {
    await ask(this.#backend, "DELETE", this.#url(id));
  }

  #url(id?: string): string {
    const address = `${this.#backend.apiUrl}/memory`;
    return id === undefined ? address : `${address}/${encodeURIComponent(id)}`;
  }
}
