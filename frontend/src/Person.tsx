import type { ChatKitRouter } from "chatkit-lambda-router";
import { useState, type FormEvent } from "react";

import { useAttempt } from "./attempt";

/** Lets the user ask for a person in the open conversation. The stack's parameter `SupportRoles` names the staff. */
export function Person({ router }: { router: ChatKitRouter }) {
  const [open, setOpen] = useState(false);
  const [error, attempt] = useAttempt();
  const ask = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const reason = String(new FormData(event.currentTarget).get("reason"));
    void attempt(() => router.people.ask(reason).then(() => setOpen(false)));
  };
  return (
    <section aria-label="Ask for a person">
      <button aria-expanded={open} onClick={() => setOpen(!open)}>
        Ask for a person
      </button>
      {error && <p role="alert">{error}</p>}
      {open && (
        <form onSubmit={ask}>
          <label>
            What is it about? <input name="reason" maxLength={500} required />
          </label>{" "}
          <button>Ask</button>
        </form>
      )}
    </section>
  );
}
