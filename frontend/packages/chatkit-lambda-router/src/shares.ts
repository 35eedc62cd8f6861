import type { Backend } from "./backend.js";
import { ask } from "./json.js";

/** What a link may show, and to whom. */
export interface ShareOptions {
  /** The id of the last item. Default: the newest. */
  itemId?: string;
  /** How many days the link works. Default: 7. */
  days?: number;
  /** Whether it works for everybody. The setting `SHARES` must allow this. Default: false. */
  public?: boolean;
  /** Whether files and pictures are part of it. Default: false. */
  files?: boolean;
}

/** A link to a snapshot of a conversation. */
export interface Share {
  id: string;
  thread_id: string;
  title: string | null;
  created_at: string;
  expires_at: string;
  public: boolean;
  files: boolean;
}

/** An item of a snapshot. */
export interface SharedItem {
  type: "user_message" | "assistant_message" | "widget" | "image";
  created_at: string;
  /** Of a message. An answer's text is Markdown. */
  text?: string;
  /** Whether a person of the staff has written the answer. */
  by_person?: true;
  sources?: { title: string; url: string }[];
  /** Of a widget: its components, without actions and inputs. */
  widget?: Record<string, unknown>;
  /** Of a picture: a short-lived URL. */
  url?: string;
  /** The files of a message, with short-lived URLs. */
  files?: { name: string; url: string }[];
}

/** The snapshot behind a link. */
export interface Snapshot {
  title: string | null;
  items: SharedItem[];
  shared_at: string;
  expires_at: string;
}

/** The links of the user to snapshots of conversations, and the snapshots behind the links of others. */
export class Shares {
  #backend: Backend;
  #openThread: () => string;

  constructor(backend: Backend, openThread: () => string) {
    this.#backend = backend;
    this.#openThread = openThread;
  }

  /** Share the open thread. Only this answer has the link's token. */
  create({ itemId, ...more }: ShareOptions = {}): Promise<Share & { token: string }> {
    const body = { thread_id: this.#openThread(), item_id: itemId, ...more };
    return ask(this.#backend, "POST", this.#url(), body);
  }

  /** The newest links of the user that still work. */
  async list(): Promise<Share[]> {
    return (await ask<{ data: Share[] }>(this.#backend, "GET", this.#url())).data;
  }

  /** Revoke a link. It shows nothing from now on. */
  async revoke(id: string): Promise<void> {
    await ask(this.#backend, "DELETE", `${this.#url()}/${encodeURIComponent(id)}`);
  }

  /** Return the snapshot behind a link. */
  read(token: string): Promise<Snapshot> {
    return ask(this.#backend, "GET", `${this.#backend.apiUrl}/shared/${encodeURIComponent(token)}`);
  }

  #url(): string {
    return `${this.#backend.apiUrl}/shares`;
  }
}
