import { useState } from "react";

/** Do something, and keep its error to show. Returns the error's text, and the function that does it. */
export function useAttempt(): [string, (act: () => Promise<unknown>) => Promise<void>] {
  const [error, setError] = useState("");
  const attempt = async (act: () => Promise<unknown>) => {
    try {
      setError("");
      await act();
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown.message : String(thrown));
    }
  };
  return [error, attempt];
}
