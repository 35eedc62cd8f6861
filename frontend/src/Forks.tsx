import type { ChatKitRouter, Question } from "chatkit-lambda-router";
import { useState } from "react";

import { useAttempt } from "./attempt";

interface Props {
  router: ChatKitRouter;
  /** Put words into ChatKit's composer. */
  compose: (text: string) => Promise<void>;
}

/** The user's newest questions: each can be asked again in another way, here or in a new conversation. */
export function Forks({ router, compose }: Props) {
  const [questions, setQuestions] = useState<Question[] | null>(null);
  const [error, attempt] = useAttempt();
  const close = () => setQuestions(null);
  const choose = (act: () => Promise<unknown>) => void attempt(() => act().then(close));
  const toggle = async () => setQuestions(questions ? null : await router.questions());
  return (
    <section aria-label="Edit or fork">
      <button aria-expanded={questions !== null} onClick={() => void attempt(toggle)}>
        Edit or fork
      </button>
      {error && <p role="alert">{error}</p>}
      {questions?.length === 0 && <p>Nothing has been asked here yet.</p>}
      {questions?.map(({ id, text }) => (
        <p key={id}>
          {text}{" "}
          <button onClick={() => choose(() => (router.edit(id), compose(text)))}>Edit here</button>{" "}
          <button onClick={() => choose(() => router.fork(id, { before: true }).then(() => compose(text)))}>
            Edit in a new conversation
          </button>{" "}
          <button onClick={() => choose(() => router.fork(id))}>Copy up to here</button>
        </p>
      ))}
    </section>
  );
}
