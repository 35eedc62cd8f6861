import type { ChatKitRouter, Fact } from "chatkit-lambda-router";
import { useState } from "react";

import { useAttempt } from "./attempt";

/** What the assistant keeps about the user. */
export function Memory({ router }: { router: ChatKitRouter }) {
  const [shown, setShown] = useState<{ on: boolean; facts: Fact[] } | null>(null);
  const [error, attempt] = useAttempt();
  const change = (act: () => Promise<unknown>) =>
    attempt(async () => {
      await act();
      setShown(await router.memory.read());
    });
  const toggle = () => (shown ? setShown(null) : void change(async () => {}));
  return (
    <section aria-label="Memory">
      <button aria-expanded={shown !== null} onClick={toggle}>
        Memory
      </button>
      {error && <p role="alert">{error}</p>}
      {shown && (
        <p>
          {shown.on ? "The assistant remembers what you ask it to." : "The memory is off."}{" "}
          <button onClick={() => void change(() => router.memory.switch(!shown.on))}>
            {shown.on ? "Switch off" : "Switch on"}
          </button>
        </p>
      )}
      {shown?.facts.map(({ id, fact }) => (
        <form
          key={id}
          onSubmit={(event) => {
            event.preventDefault();
            const text = String(new FormData(event.currentTarget).get("fact"));
            void change(() => router.memory.change(id, text));
          }}
        >
          <input name="fact" aria-label="Fact" defaultValue={fact} maxLength={200} required /> <button>Save</button>{" "}
          <button type="button" onClick={() => void change(() => router.memory.remove(id))}>
            Forget
          </button>
        </form>
      ))}
    </section>
  );
}
