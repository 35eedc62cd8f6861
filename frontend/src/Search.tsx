import type { ChatKitRouter, Hits } from "chatkit-lambda-router";
import { useState } from "react";

import { useAttempt } from "./attempt";

/** A box that searches the user's conversations. The stack's parameter `HistorySearch` turns the search on. */
export function Search({ router }: { router: ChatKitRouter }) {
  const [query, setQuery] = useState("");
  const [hits, setHits] = useState<Hits | null>(null);
  const [error, attempt] = useAttempt();
  const more = async (after: string) => {
    const next = await router.search(query, after);
    setHits({ ...next, data: [...(hits?.data ?? []), ...next.data] });
  };
  const open = (threadId: string) => attempt(() => router.open(threadId).then(() => setHits(null)));
  return (
    <section aria-label="Search">
      <form
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          if (query.trim()) void attempt(async () => setHits(await router.search(query)));
        }}
      >
        <input
          type="search"
          aria-label="Search conversations"
          placeholder="Search conversations"
          value={query}
          maxLength={200}
          onChange={(event) => setQuery(event.target.value)}
        />{" "}
        <button>Search</button>
      </form>
      {error && <p role="alert">{error}</p>}
      {hits?.data.length === 0 && !hits.next && <p>Nothing was found.</p>}
      {hits?.data.map((hit) => (
        <p key={hit.thread_id}>
          <button onClick={() => void open(hit.thread_id)}>{hit.title ?? "Conversation"}</button>{" "}
          {hit.snippet.map(({ text, match }, index) => (match ? <mark key={index}>{text}</mark> : text))}
        </p>
      ))}
      {hits?.next && <button onClick={() => void attempt(() => more(hits.next ?? ""))}>More</button>}
    </section>
  );
}
