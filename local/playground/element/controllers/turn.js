import { applyEvent, isUnconfirmed, markUnsent } from "../state/thread.js";

/** The fields of the thread's state that a repeated attempt starts over from. */
const REPLAYED = ["thread", "items", "notices", "progress", "error"];

/** How many client tools may follow each other in one turn, lest a model that loops runs for ever. */
const MAX_CLIENT_TOOLS = 25;

/** Refusals that pass: after a sign-in, and after a wait. */
const PASSING = new Set([401, 429]);

/** Runs one turn at a time: reads its stream, stops it, and answers the client tools it asks for. */
export class TurnRunner {
  /**
   * @param {object} kit
   * @param {(turn: {stopped: boolean}) => Promise<boolean>} settle called while a turn that was stopped or has failed still
   *   counts as running; returns whether it is still being stopped
   */
  constructor(kit, settle) {
    this.kit = kit;
    this.settle = settle;
    this.current = null;
  }

  /** Resolves when no turn runs. */
  async idle() {
    while (this.current) await this.current.finished;
  }

  /**
   * Run a streaming operation to its end, with the client tools it leads to.
   * @param {string} type
   * @param {object} params
   * @param {(() => Promise<void>) | null} again does the same once more, after an error before the server had it
   */
  async run(type, params, again) {
    const abort = new AbortController();
    const turn = { abort, stopped: false };
    turn.finished = new Promise((resolve) => (turn.finish = resolve));
    this.current = turn;
    this.kit.store.set({ running: true, elsewhere: null, stopping: false, error: null, progress: null, allowCancel: true });
    this.kit.emit("response.start");
    try {
      await this.read(turn, type, params);
      for (let calls = 0; calls < MAX_CLIENT_TOOLS && this.current === turn; calls++) {
        const call = this.pendingClientTool();
        if (!call) break;
        const output = await this.runClientTool(call);
        // The user may have left the thread while the tool ran: what is on the screen is another one.
        if (this.current !== turn) break;
        this.apply({ type: "thread.item.replaced", item: { ...call, status: "completed", output } });
        const result = output ?? {};
        const threadId = this.kit.store.get().thread.id;
        await this.read(turn, "threads.add_client_tool_output", { thread_id: threadId, result });
      }
    } catch (error) {
      if (!abort.signal.aborted) {
        this.kit.fail(error);
        const { message, code } = error;
        const unsent = this.kit.store.get().items.some(isUnconfirmed);
        const allowRetry = again !== null && !unsent && (error.retryable || PASSING.has(error.status));
        this.kit.store.set({ error: { message, code, allowRetry, again } });
      }
    }
    let stopping = false;
    try {
      const { error } = this.kit.store.get();
      if (this.current === turn && (abort.signal.aborted || error)) stopping = await this.settle(turn);
    } finally {
      turn.finish();
      if (this.current === turn) {
        this.current = null;
        if (turn.stopped && !stopping) this.kit.onStopped();
        this.kit.store.set((state) => ({
          ...(!stopping && markUnsent(state)),
          running: false,
          stopping,
          progress: null,
        }));
        this.kit.emit("response.end");
      }
    }
  }

  async read(turn, type, params) {
    const before = this.kit.store.get();
    let fresh = true;
    await this.kit.client.stream(type, params, {
      signal: turn.abort.signal,
      onAttempt: (attempt) => (fresh = attempt === 0),
      onEvent: (event) => {
        if (this.current !== turn) return;
        if (!fresh) {
          // The server tells the whole turn again: what the broken attempt left must not stay beside it.
          fresh = true;
          this.kit.store.set(Object.fromEntries(REPLAYED.map((key) => [key, before[key]])));
        }
        this.apply(event);
      },
    });
  }

  apply(event) {
    const known = this.kit.store.get().thread?.id;
    this.kit.store.set((state) => applyEvent(state, event));
    this.kit.log("event", { type: event.type });
    if (event.type === "thread.created" && event.thread.id !== known) {
      this.kit.emit("thread.change", { threadId: event.thread.id });
    }
    if (event.type === "thread.created" || event.type === "thread.updated") this.kit.onThread(event.thread);
    if (event.type === "client_effect") this.kit.emit("effect", { name: event.name, data: event.data });
    if (event.type === "error") this.kit.fail(new Error(event.message ?? event.code));
  }

  pendingClientTool() {
    const last = this.kit.store.get().items.at(-1);
    return last?.type === "client_tool_call" && last.status === "pending" ? last : null;
  }

  async runClientTool(call) {
    const { onClientTool } = this.kit.options;
    let output;
    try {
      if (!onClientTool) throw new Error(`This page has no client tool named ${call.name}.`);
      output = await onClientTool({ name: call.name, params: call.arguments });
    } catch (error) {
      // The model can act on a failure that it is told of; a turn without an answer would hang.
      output = { error: error.message };
      this.kit.fail(error);
    }
    return output;
  }

  /** Stop reading because the user pressed Stop. What was shown stays. The protocol has no operation for it. */
  stop() {
    if (!this.current) return;
    this.current.stopped = true;
    this.current.abort.abort();
  }

  /** Stop reading because the user went elsewhere; the turn itself goes on, on the server. */
  abandon() {
    const turn = this.current;
    this.current = null;
    if (!turn) return;
    turn.abort.abort();
    this.kit.emit("response.end");
  }
}
