import type { ChatKitRouter, SharedItem, Snapshot } from "chatkit-lambda-router";
import { useEffect, useState } from "react";

import { useAttempt } from "./attempt";

/** The snapshot behind a link. Answers are Markdown: use your page's own renderer for `text`. */
export function Shared({ router, token }: { router: ChatKitRouter; token: string }) {
  const [snapshot, setSnapshot] = useState<Snapshot | null>(null);
  const [error, attempt] = useAttempt();
  useEffect(() => {
    void attempt(async () => setSnapshot(await router.shares.read(token)));
  }, [router, token]);
  return (
    <main className="shared" aria-label="Shared conversation">
      {error && <p role="alert">{error}</p>}
      {snapshot && <h1>{snapshot.title ?? "Conversation"}</h1>}
      {snapshot?.items.map((item, index) => (
        <Item key={index} item={item} />
      ))}
    </main>
  );
}

function Item({ item }: { item: SharedItem }) {
  return (
    <article data-shared-type={item.type}>
      <p>{item.text ?? textsOf(item.widget).join("\n")}</p>
      {item.by_person && <small>Written by a person of the staff</small>}
      {item.url && <img src={item.url} alt="Generated picture" />}
      {item.files?.map(({ name, url }) => (
        <a key={url} href={url}>
          {name}
        </a>
      ))}
      {item.sources?.map(({ title, url }) => (
        <a key={url} href={url} rel="noopener noreferrer">
          {title}
        </a>
      ))}
    </article>
  );
}

/** The texts of a widget, in their order. */
function textsOf(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(textsOf);
  if (typeof node !== "object" || node === null) return [];
  const { title, label, value, header, children, status } = node as Record<string, unknown>;
  return [...[title, label, value].filter((each) => typeof each === "string"), ...[header, children, status].flatMap(textsOf)];
}
