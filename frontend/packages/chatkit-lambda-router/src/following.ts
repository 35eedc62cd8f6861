/** How often ChatKit reads a thread in which a turn runs, in ms: the server stores a turn's words every second or two. */
export const TURN_MILLISECONDS = 1000;

/** How often ChatKit reads a thread with a person or a job, in ms. Both change seldom. */
export const PERSON_MILLISECONDS = 4000;

/** How many readings in a row may fail or get no answer before the router gives up. */
const MAX_SILENT_POLLS = 60;

/**
 * Follows a turn that ChatKit does not read: after a reload, in a second tab, after a return to its thread. In the same way
 * it follows a person who answers in a thread, and a job.
 *
 * ChatKit has no way to join a running turn. But the server names the running turn whenever a thread is read. So the router
 * lets ChatKit read the thread again and again until no turn runs.
 */
export class Following {
  #threadId: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #silent = 0;
  #poll: (threadId: string) => void;
  #onFollow: (following: boolean) => void;
  #milliseconds: number;

  /**
   * @param poll lets ChatKit read a thread again
   * @param onFollow told when following begins and ends
   * @param milliseconds the time between two readings
   */
  constructor(poll: (threadId: string) => void, onFollow: (following: boolean) => void, milliseconds: number) {
    this.#milliseconds = milliseconds;
    this.#poll = poll;
    this.#onFollow = onFollow;
  }

  /** The server has said whether a turn runs in the open thread. */
  heard(threadId: string, running: boolean): void {
    if (!running) {
      if (threadId === this.#threadId) this.end();
      return;
    }
    this.#silent = 0;
    if (threadId === this.#threadId) return;
    if (this.#threadId === null) this.#onFollow(true);
    this.#threadId = threadId;
    this.#next();
  }

  /** Follow nothing any more. */
  end(): void {
    clearTimeout(this.#timer);
    if (this.#threadId === null) return;
    this.#threadId = null;
    this.#onFollow(false);
  }

  #next(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#threadId === null) return;
      if (++this.#silent > MAX_SILENT_POLLS) return this.end();
      this.#poll(this.#threadId);
      this.#next();
    }, this.#milliseconds);
  }
}
