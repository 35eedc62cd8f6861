import type { Backend } from "./backend.js";
import { ask } from "./json.js";

/** A conversation that asks for a person, or has one. */
export interface Waiting {
  id: string;
  title: string | null;
  reason: string;
  asked_at: string;
  /** The name of the person who answers, if one does. */
  handled_by: string | null;
}

/** An item of such a conversation: ChatKit's `ThreadItem`, as far as a page of the staff shows it. */
export interface PeopleItem {
  id: string;
  /** `user_message` or `assistant_message`, which has the words of a person too, or another type. */
  type: string;
  /** The texts. Those of an `assistant_message` are Markdown. */
  content?: { text?: string }[];
  attachments?: { id: string; name: string }[];
}

/** A person in place of the assistant: the calls of a user, and those of the staff. */
export class People {
  #backend: Backend;
  #openThread: () => string;

  constructor(backend: Backend, openThread: () => string) {
    this.#backend = backend;
    this.#openThread = openThread;
  }

  /** Let the open thread ask for a person. */
  async ask(reason: string): Promise<void> {
    await this.#send("POST", "person", { thread_id: this.#openThread(), reason });
  }

  /** Let the assistant answer in the open thread again. */
  async returnToAssistant(): Promise<void> {
    await this.#send("DELETE", `person/${encodeURIComponent(this.#openThread())}`);
  }

  /** For staff: the conversations that ask for a person or have one. */
  async waiting(): Promise<Waiting[]> {
    return (await this.#send<{ data: Waiting[] }>("GET", "people")).data;
  }

  /** For staff: the newest items of such a conversation, the newest first. */
  async read(id: string): Promise<PeopleItem[]> {
    return (await this.#send<{ data: PeopleItem[] }>("GET", this.#path(id))).data;
  }

  /** For staff: a short-lived URL of a file that the user has sent there. */
  async file(id: string, attachmentId: string): Promise<string> {
    const path = `${this.#path(id)}/attachments/${encodeURIComponent(attachmentId)}`;
    return (await this.#send<{ url: string }>("GET", path)).url;
  }

  /** For staff: answer in a conversation. Its user reads the name in the token. */
  async take(id: string): Promise<void> {
    await this.#send("POST", `${this.#path(id)}/take`);
  }

  /** For staff: say something in a conversation that was taken over. */
  async say(id: string, text: string): Promise<void> {
    await this.#send("POST", `${this.#path(id)}/say`, { text });
  }

  /** For staff: hand a conversation back to the assistant. */
  async handBack(id: string): Promise<void> {
    await this.#send("DELETE", this.#path(id));
  }

  #path(id: string): string {
    return `people/${encodeURIComponent(id)}`;
  }

  #send<T>(method: "GET" | "POST" | "DELETE", path: string, body?: object): Promise<T> {
    return ask<T>(this.#backend, method, `${this.#backend.apiUrl}/${path}`, body);
  }
}
