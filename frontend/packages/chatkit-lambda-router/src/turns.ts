import type { Attachment } from "./attachments.js";
import { operationIn } from "./operations.js";

const STORE = "chatkit-lambda-router.turns";

/** Lambda ends every invocation after 15 minutes: an older turn has ended. */
const LIFETIME_MILLISECONDS = 15 * 60 * 1000;

/**
 * How far a turn's request got. `sent`: an attempt is on its way. `accepted`: the server has started to answer.
 * `failed`: the last attempt failed before that.
 */
type Progress = "sent" | "accepted" | "failed";

/** One streaming request, from ChatKit's first attempt until its answer has been read to the end. */
export interface Turn {
  /** The idempotency key of all attempts. */
  key: string;
  /** The request's body, which is the same in all attempts. */
  body: string;
  /** The ChatKit frame that may send it again; null if the page was loaded again or the user has left the thread. */
  frame: string | null;
  threadId: string | null;
  progress: Progress;
  startedAt: number;
  /** The user and issuer in the token, so that another user does not send this user's words. */
  subject: string | null;
  /** The message's files, which its body names by id. */
  attachments: Attachment[];
}

/**
 * The turns that ChatKit may send again. For a reload the tab keeps those that the server has not accepted, and those whose
 * new thread is not known.
 */
export class Turns {
  #turns: Turn[] | null = null;

  /** Return all turns that may still run. */
  get open(): readonly Turn[] {
    this.#turns ??= load();
    const oldest = Date.now() - LIFETIME_MILLISECONDS;
    this.#turns = this.#turns.filter((turn) => turn.startedAt > oldest);
    return this.#turns;
  }

  /**
   * Return the turn of a request: the known one if ChatKit sends the request again, else a new one.
   *
   * A frame is gone after a reload. If its request failed, the same words are that request again, sent by the user.
   */
  take(body: string, frame: string, subject: string | null, attachments: Attachment[]): Turn {
    const again = this.open.find(
      (turn) =>
        turn.body === body &&
        sameSubject(turn.subject, subject) &&
        (turn.frame === null ? turn.progress === "failed" : turn.frame === frame),
    );
    if (again) {
      again.frame = frame;
      if (again.progress === "failed") again.progress = "sent";
      this.save();
      return again;
    }
    const turn: Turn = {
      key: crypto.randomUUID(),
      body,
      frame,
      threadId: operationIn(body)?.threadId ?? null,
      progress: "sent",
      startedAt: Date.now(),
      subject,
      attachments,
    };
    this.#turns = [...this.open, turn];
    this.save();
    return turn;
  }

  /** Note how far a turn's request got. */
  note(turn: Turn, progress: Progress): void {
    turn.progress = progress;
    this.save();
  }

  /** Forget a turn whose end is known: the same body is a new request from now on. */
  forget(turn: Turn): void {
    this.#turns = this.open.filter((other) => other !== turn);
    this.save();
  }

  /** Forget every turn. */
  clear(): void {
    this.#turns = [];
    this.save();
  }

  save(): void {
    try {
      sessionStorage.setItem(STORE, JSON.stringify(this.open.filter(({ progress, threadId }) => progress !== "accepted" || threadId === null)));
    } catch {
      // A page without storage, or with a full one, loses unsent words at a reload and nothing else.
    }
  }
}

function load(): Turn[] {
  try {
    const turns = JSON.parse(sessionStorage.getItem(STORE) ?? "[]") as Turn[];
    return turns.map((turn) => ({ ...turn, frame: null }));
  } catch {
    return [];
  }
}

/** Whether two requests may be of one user. A token that does not say counts as the same. */
export function sameSubject(one: string | null, other: string | null): boolean {
  return one === null || other === null || one === other;
}

/** Return who a token speaks for, or null if the token does not say. The server verifies tokens; this only compares. */
export function subjectOf(token: string | null): string | null {
  try {
    const payload = (token?.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const { iss, sub } = JSON.parse(atob(payload)) as { iss?: string; sub?: string };
    return sub === undefined ? null : JSON.stringify([iss, sub]);
  } catch {
    return null;
  }
}
