import type { Backend } from "./backend.js";
import { ask } from "./json.js";

/** A conversation that has the words of a search. */
export interface Hit {
  thread_id: string;
  title: string | null;
  created_at: string;
  item_id: string | null;
  snippet: { text: string; match: boolean }[];
}

/** A page of hits. */
export interface Hits {
  data: Hit[];
  /** The `after` of the next page. */
  next: string | null;
  /** False while the server still indexes older conversations: hits of them may be missing. */
  complete: boolean;
}

/** Search the user's conversations. */
export function search(backend: Backend, query: string, after: string | undefined): Promise<Hits> {
  const named = new URLSearchParams({ q: query, ...(after === undefined ? {} : { after }) });
  return ask(backend, "GET", `${backend.apiUrl}/search?${named}`);
}
