import type { Backend } from "./backend.js";
import { ask } from "./json.js";

/** A fact that the assistant keeps about the user. */
export interface Fact {
  id: string;
  fact: string;
  /** Where it comes from: `docs/memory.md` explains the words. */
  source: "asked" | "approved" | "own_words" | "edited";
  /** The sources of other texts that the model had read before the user approved the fact. */
  outside: string[];
  thread_id: string | null;
  created_at: string;
  changed_at: string;
}

/** The facts that the assistant keeps about the user, and the switch of the memory. */
export class Memory {
  #backend: Backend;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** The facts, the newest first, and whether the assistant reads and keeps any. */
  read(): Promise<{ on: boolean; facts: Fact[]; most: number }> {
    return ask(this.#backend, "GET", this.#url());
  }

  /** Switch the memory on or off. The facts stay. */
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
