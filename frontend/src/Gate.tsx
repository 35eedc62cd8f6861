import { useEffect, useState, type ReactNode } from "react";

import type { SignIn } from "./signIn";

/** Shows its children to a user who has signed in, and a button to everybody else. */
export function Gate({ session, children }: { session: SignIn; children: ReactNode }) {
  const [signedIn, setSignedIn] = useState<boolean | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    session.onSignedOut = () => {
      setSignedIn(false);
      setProblem("Your session has ended. Please sign in again.");
    };
    session.resume().then(setSignedIn, (error: unknown) => {
      setSignedIn(false);
      setProblem(error instanceof Error ? error.message : String(error));
    });
  }, [session]);
  if (signedIn === null) return null;
  if (signedIn) return children;
  return (
    <main className="gate">
      {problem && <p role="alert">{problem}</p>}
      <button onClick={() => void session.start()}>Sign in</button>
    </main>
  );
}
