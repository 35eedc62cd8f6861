import type { Backend } from "./backend.js";
import { ask } from "./json.js";

/** A document that the assistant can search. */
export interface KnowledgeDocument {
  id: string;
  name: string;
  mime_type: string;
  state: "uploading" | "queued" | "working" | "ready" | "failed";
  /** Whether a version of it can be searched, also while a newer one is read. */
  searchable: boolean;
  /** The passages of the newest version that are stored, of `total`. */
  done: number;
  /** Null until it is known. */
  total: number | null;
  /** Why the newest version could not be read, such as `no_text`. */
  reason: string | null;
  size: number;
  group: string | null;
  created_at: string;
  expires_at: string | null;
}

/** Called with the sent share of a file, from 0 to 1. */
export type OnSent = (share: number) => void;

interface Announced {
  document: KnowledgeDocument;
  upload: { url: string; method: string; headers: Record<string, string> };
}

type Space = { scope: "user" } | { scope: "tenant"; group?: string };

/** The documents of a user or of a tenant: to list, add, replace and remove. */
export class Documents {
  #backend: Backend;
  #space: Space;

  constructor(backend: Backend, space: Space) {
    this.#backend = backend;
    this.#space = space;
  }

  /** A page of documents, the oldest first. `next` is the `after` of the next page. */
  list(after?: string): Promise<{ data: KnowledgeDocument[]; next: string | null }> {
    return ask(this.#backend, "GET", this.#url("", after === undefined ? {} : { after }));
  }

  /** A document with its progress. */
  async read(id: string): Promise<KnowledgeDocument> {
    return (await ask<{ document: KnowledgeDocument }>(this.#backend, "GET", this.#url(id))).document;
  }

  /**
   * Add a document. The answer comes when the file is sent, and the server then reads the document.
   *
   * @throws Error with the server's message
   */
  async add(file: File, onSent?: OnSent): Promise<KnowledgeDocument> {
    const { document, upload } = await this.#announce("", file);
    try {
      await send(upload, file, onSent);
    } catch (error) {
      // Without its file, the document would count towards the limit for a while.
      await this.remove(document.id).catch(() => {});
      throw error;
    }
    return this.complete(document.id);
  }

  /** Replace a document by a new version. Searches find the old one until the new one is read. */
  async replace(id: string, file: File, onSent?: OnSent): Promise<KnowledgeDocument> {
    await send((await this.#announce(id, file)).upload, file, onSent);
    return this.complete(id);
  }

  /** Start the reading of a document whose file is sent, or of a failed document again. */
  async complete(id: string): Promise<KnowledgeDocument> {
    const url = `${this.#backend.apiUrl}/knowledge/documents/${encodeURIComponent(id)}/complete`;
    return (await ask<{ document: KnowledgeDocument }>(this.#backend, "POST", url, this.#space)).document;
  }

  /** Remove a document. From now on no search finds it. */
  async remove(id: string): Promise<void> {
    await ask(this.#backend, "DELETE", this.#url(id));
  }

  #announce(id: string, file: File): Promise<Announced> {
    // Browsers do not know the type of each file. The server then goes by the name.
    const about = { name: file.name, mime_type: file.type || "application/octet-stream", size: file.size };
    const url = `${this.#backend.apiUrl}/knowledge/documents${id && `/${encodeURIComponent(id)}`}`;
    return ask(this.#backend, "POST", url, { ...this.#space, ...about });
  }

  #url(id: string, more: Record<string, string> = {}): string {
    const query = new URLSearchParams({ ...this.#space, ...more });
    return `${this.#backend.apiUrl}/knowledge/documents${id && `/${encodeURIComponent(id)}`}?${query}`;
  }
}

/** Send a file to the bucket. `fetch` does not tell how much is sent, so this is an XMLHttpRequest. */
function send({ url, method, headers }: Announced["upload"], file: File, onSent?: OnSent): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const fail = () => reject(new Error("The file could not be sent. Please try again."));
    request.upload.addEventListener("progress", ({ loaded, total }) => onSent?.(total > 0 ? loaded / total : 0));
    request.addEventListener("error", fail);
    request.addEventListener("load", () => (request.status < 300 ? resolve() : fail()));
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.send(file);
  });
}
