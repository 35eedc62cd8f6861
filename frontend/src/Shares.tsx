import type { ChatKitRouter, Share } from "chatkit-lambda-router";
import { useState, type FormEvent } from "react";

import { useAttempt } from "./attempt";
import { shareAddress } from "./shareAddress";

/** How long a link may work, in days. The server's limit is 90. */
const DAYS = [1, 7, 30, 90];

/** Links to snapshots of conversations: one is made for the open conversation, and each can be revoked. */
export function Shares({ router, mayBePublic }: { router: ChatKitRouter; mayBePublic: boolean }) {
  const [shares, setShares] = useState<Share[] | null>(null);
  const [link, setLink] = useState("");
  const [error, attempt] = useAttempt();
  const read = async () => setShares(await router.shares.list());
  const make = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const options = { days: Number(form.get("days")), files: form.has("files"), public: form.has("public") };
    void attempt(async () => {
      setLink(shareAddress((await router.shares.create(options)).token));
      await read();
    });
  };
  const toggle = () => {
    setLink("");
    if (shares) setShares(null);
    else void attempt(read);
  };
  return (
    <section aria-label="Share">
      <button aria-expanded={shares !== null} onClick={toggle}>
        Share
      </button>
      {error && <p role="alert">{error}</p>}
      {shares && (
        <form onSubmit={make}>
          <label>
            Works for{" "}
            <select name="days" defaultValue={7}>
              {DAYS.map((days) => (
                <option key={days} value={days}>
                  {days === 1 ? "1 day" : `${days} days`}
                </option>
              ))}
            </select>
          </label>{" "}
          <label>
            <input type="checkbox" name="files" /> With files and pictures
          </label>{" "}
          {mayBePublic && (
            <label>
              <input type="checkbox" name="public" /> For everybody who has the link
            </label>
          )}{" "}
          <button>Make a link</button>
        </form>
      )}
      {link && (
        <p role="status">
          Copy the link now, it is not shown again: <a href={link}>{link}</a>
        </p>
      )}
      {shares && (
        <ul>
          {shares.map(({ id, title, expires_at: expires }) => (
            <li key={id}>
              {title ?? "Conversation"}, works until {new Date(expires).toLocaleString()}{" "}
              <button onClick={() => void attempt(() => router.shares.revoke(id).then(read))}>Revoke</button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
