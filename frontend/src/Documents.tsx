import type { Documents as Api, KnowledgeDocument } from "chatkit-lambda-router";
import { useEffect, useState } from "react";

import { useAttempt } from "./attempt";

/** How often a document that is being read is asked for its progress, in ms. */
const POLL_MILLISECONDS = 1000;

/** What the server reads, for the browser's file dialog. The server checks each file. */
const ACCEPTED = ".pdf,.docx,.pptx,.xlsx,.txt,.md,.csv,.json";

const STATES: Record<KnowledgeDocument["state"], string> = {
  uploading: "not sent",
  queued: "waiting",
  working: "being read",
  ready: "can be searched",
  failed: "could not be read",
};

/** Documents that the assistant searches: the user's own, or those of the tenant for roles that may change them. */
export function Documents({ name, documents }: { name: string; documents: Api }) {
  const [found, setFound] = useState<KnowledgeDocument[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [sending, setSending] = useState<{ name: string; share: number } | null>(null);
  const [error, attempt] = useAttempt();
  const put = (one: KnowledgeDocument) =>
    setFound((all) => (all?.some(({ id }) => id === one.id) ? all.map((each) => (each.id === one.id ? one : each)) : [...(all ?? []), one]));
  const read = async (after?: string) => {
    const page = await documents.list(after);
    setFound((all) => [...(after === undefined ? [] : (all ?? [])), ...page.data]);
    setNext(page.next);
  };
  const send = (file: File, act: (onSent: (share: number) => void) => Promise<KnowledgeDocument>) =>
    attempt(async () => {
      try {
        setSending({ name: file.name, share: 0 });
        put(await act((share) => setSending({ name: file.name, share })));
      } finally {
        setSending(null);
      }
    });
  const add = async (files: File[]) => {
    for (const file of files) await send(file, (onSent) => documents.add(file, onSent));
  };
  const remove = async (id: string) => {
    await documents.remove(id);
    setFound((all) => all?.filter((each) => each.id !== id) ?? null);
  };
  const toggle = () => (found ? setFound(null) : void attempt(read));
  useEffect(() => {
    const busy = found?.filter(({ state }) => state === "queued" || state === "working") ?? [];
    if (busy.length === 0) return;
    const ask = () => void attempt(() => Promise.all(busy.map(({ id }) => documents.read(id).then(put))));
    const timer = setTimeout(ask, POLL_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [found, documents]);
  return (
    <section aria-label={name}>
      <button aria-expanded={found !== null} onClick={toggle}>
        {name}
      </button>
      {error && <p role="alert">{error}</p>}
      {found && (
        <>
          <FileField label="Add a document" name="Add a document" onFiles={(files) => void add(files)} multiple />
          {sending && (
            <p>
              {sending.name} <progress aria-label={`Sending ${sending.name}`} value={sending.share} />
            </p>
          )}
          {found.length === 0 && <p>There are no documents yet.</p>}
          <ul>
            {found.map((each) => (
              <Row
                key={each.id}
                document={each}
                replace={(file) => void send(file, (onSent) => documents.replace(each.id, file, onSent))}
                readAgain={() => void attempt(async () => put(await documents.complete(each.id)))}
                remove={() => void attempt(() => remove(each.id))}
              />
            ))}
          </ul>
          {next !== null && <button onClick={() => void attempt(() => read(next))}>More</button>}
        </>
      )}
    </section>
  );
}

interface RowProps {
  document: KnowledgeDocument;
  replace: (file: File) => void;
  readAgain: () => void;
  remove: () => void;
}

function Row({ document: { name, state, searchable, done, total, reason, group }, replace, readAgain, remove }: RowProps) {
  return (
    <li data-state={state}>
      <strong>{name}</strong>{" "}
      <span role="status">
        {STATES[state]}
        {reason && ` (${reason.replaceAll("_", " ")})`}
        {group && `, group ${group}`}
        {searchable && state !== "ready" && ", the old version can be searched"}
      </span>{" "}
      {state === "working" && <progress aria-label={`Reading ${name}`} max={total ?? 1} value={total === null ? undefined : done} />}{" "}
      {state === "failed" && <button onClick={readAgain}>Read again</button>}{" "}
      <FileField label="Replace" name={`Replace ${name}`} onFiles={([file]) => file && replace(file)} />{" "}
      <button aria-label={`Remove ${name}`} onClick={remove}>
        Remove
      </button>
    </li>
  );
}

interface FileFieldProps {
  label: string;
  /** What a screen reader says. */
  name: string;
  onFiles: (files: File[]) => void;
  multiple?: boolean;
}

/** Looks like a button, and opens the browser's file dialog. */
function FileField({ label, name, onFiles, multiple = false }: FileFieldProps) {
  return (
    <label className="file">
      {label}
      <input
        type="file"
        aria-label={name}
        accept={ACCEPTED}
        multiple={multiple}
        onChange={({ currentTarget }) => {
          onFiles([...(currentTarget.files ?? [])]);
          // The same file can be chosen again.
          currentTarget.value = "";
        }}
      />
    </label>
  );
}
