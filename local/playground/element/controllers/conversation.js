import { EMPTY_THREAD, addUnconfirmed, isBusy, isUnconfirmed, markUnsent } from "../state/thread.js";
import { mergeLoaded, metadataOf, prependItems, truncateAfter } from "../state/thread.js";
import { TurnRunner } from "./turn.js";

/** Items asked for at once, when a thread is opened and when older ones are wanted. */
const PAGE_SIZE = 30;

/** The thread that is open: loads it, sends to it, and runs its turns. */
export class Conversation {
  /** @param {object} kit the element's shared parts: store, client, options, emit */
  constructor(kit) {
    this.kit = kit;
    this.turn = new TurnRunner(kit, (turn) => this.#settle(turn));
    this.opening = 0;
  }

  get state() {
    return this.kit.store.get();
  }

  get threadId() {
    return this.state.thread?.id ?? null;
  }

  /** Stop reading; a turn that runs continues on the server. */
  abandon() {
    this.opening++;
    this.turn.abandon();
    this.kit.store.set({ running: false, elsewhere: null, stopping: false, loading: false, progress: null });
  }

  /** Leave the open thread for another one, or for a new one when `threadId` is null. */
  async open(threadId) {
    const changed = threadId !== this.threadId;
    this.abandon();
    const ticket = this.opening;
    this.kit.store.set({ ...EMPTY_THREAD, loading: threadId !== null, loadingOlder: false });
    if (changed) this.kit.emit("thread.change", { threadId });
    if (threadId === null) return;
    this.kit.emit("thread.load.start", { threadId });
    try {
      const loaded = await this.load(threadId);
      if (ticket === this.opening) this.kit.store.set({ ...loaded, loading: false });
    } catch (error) {
      this.kit.fail(error);
      if (ticket === this.opening) {
        this.kit.store.set({ loading: false, error: { message: error.message, reopen: threadId } });
      }
    } finally {
      this.kit.emit("thread.load.end", { threadId });
    }
  }

  /** Fetch a thread with its newest items, and the turn that runs in it. */
  async load(threadId) {
    const { value: thread, turnId } = await this.kit.client.read("threads.get_by_id", { thread_id: threadId });
    const metadata = metadataOf(thread);
    // A server may give the oldest page of a long thread here: the newest is what a reader wants to see.
    if (!thread.items.has_more) {
      return { thread: metadata, items: oldestFirst(thread.items.data), hasOlder: false, olderAfter: null, elsewhere: turnId };
    }
    const page = await this.listItems(threadId, null);
    const { data, has_more: hasOlder, after } = page.value;
    return { thread: metadata, items: data.toReversed(), hasOlder, olderAfter: after ?? null, elsewhere: page.turnId };
  }

  listItems(threadId, after) {
    const params = { thread_id: threadId, limit: PAGE_SIZE, order: "desc", ...(after && { after }) };
    return this.kit.client.read("items.list", params);
  }

  async loadOlder() {
    const { hasOlder, loadingOlder, olderAfter } = this.state;
    const threadId = this.threadId;
    if (!hasOlder || loadingOlder || !threadId) return;
    this.kit.store.set({ loadingOlder: true });
    try {
      let after = olderAfter;
      let page;
      do {
        page = (await this.listItems(threadId, after)).value;
        after = page.after;
        // A page that held only hidden items comes back empty, with more behind it.
      } while (page.data.length === 0 && page.has_more);
      if (this.threadId === threadId) {
        this.kit.store.set((state) => prependItems(state, page.data.toReversed(), page));
      }
    } catch (error) {
      this.kit.fail(error);
    } finally {
      if (this.threadId === threadId) this.kit.store.set({ loadingOlder: false });
    }
  }

  /**
   * Read the thread again, without leaving it. The page calls this while a turn runs that this element does not read, and
   * when a stopped turn has ended.
   */
  async refresh() {
    if (!this.threadId || this.state.running) return;
    try {
      await this.#read();
    } catch (error) {
      // Offline, for example: the user may at least write on.
      this.stopped();
      throw error;
    }
  }

  /** Read the thread again, unless a newer turn of this element has begun meanwhile. */
  async #read() {
    const threadId = this.threadId;
    const { opening } = this;
    const { current } = this.turn;
    const isOpen = () => this.opening === opening && this.threadId === threadId && this.turn.current === current;
    let loaded;
    try {
      loaded = await this.load(threadId);
    } catch (error) {
      if (error.status !== 404 || !isOpen()) throw error;
      return this.#gone(error);
    }
    if (!isOpen()) return;
    // Until a stopped turn has ended, less is stored than it has said.
    if (this.state.stopping && loaded.elsewhere) return;
    this.kit.store.set((state) => mergeLoaded(state, loaded));
    this.kit.onThread(loaded.thread);
    this.stopped();
  }

  /** The thread was deleted elsewhere: show what a reload shows, and the messages that the server does not have. */
  #gone(error) {
    const { threadId } = this;
    this.kit.store.set((state) => ({
      ...EMPTY_THREAD,
      items: markUnsent(state).items.filter(isUnconfirmed),
      elsewhere: null,
      stopping: false,
      error: { message: error.message, reopen: threadId },
    }));
  }

  /** The turn that was being stopped has ended, or the page knows that it has never begun. */
  stopped() {
    if (!this.state.stopping) return;
    this.kit.onStopped();
    this.kit.store.set((state) => ({ ...markUnsent(state), stopping: false }));
  }

  /**
   * Called when a turn of this element has not come to its end here: the server knows what is stored, and whether the
   * turn still runs. A server that does not say what runs may still be writing, so what is shown stays.
   * A message that was stopped before its thread is known stays too, until the page knows whether the server has it.
   * @returns {Promise<boolean>} whether the turn is still being stopped: then the page says when its end is to be read
   */
  async #settle({ stopped }) {
    if (!this.kit.options.standIn?.turnHeader) return false;
    if (stopped) return true;
    if (!this.threadId) return false;
    try {
      await this.#read();
    } catch (error) {
      this.kit.log("settle.failed", { reason: String(error) });
    }
    return false;
  }

  /**
   * Send a user message, to the open thread or to a new one.
   * @param {object} input the protocol's UserMessageInput; its attachments are objects here, ids on the wire
   */
  async send({ attachments = [], ...input }, { newThread = false } = {}) {
    if (newThread && this.threadId) await this.open(null);
    await this.turn.idle();
    this.kit.store.set((state) => addUnconfirmed(state, input, attachments));
    const body = { ...input, attachments: attachments.map((attachment) => attachment.id) };
    const threadId = this.threadId;
    const type = threadId ? "threads.add_user_message" : "threads.create";
    const params = threadId ? { thread_id: threadId, input: body } : { input: body };
    await this.turn.run(type, params, () => this.retryLastMessage());
  }

  /** Send a message that did not reach the server once more. */
  async resend(itemId) {
    const item = this.state.items.find((other) => other.id === itemId);
    if (!item || isBusy(this.state)) return;
    this.kit.store.set((state) => ({ items: state.items.filter((other) => other.id !== itemId), error: null }));
    const { content, quoted_text, inference_options, attachments } = item;
    await this.send({ content, ...(quoted_text && { quoted_text }), inference_options, attachments });
  }

  /** Answer a user message anew; everything after it goes. */
  async retry(itemId) {
    const params = { thread_id: this.threadId, item_id: itemId };
    await this.turn.idle();
    if (this.threadId !== params.thread_id) return;
    this.kit.store.set((state) => truncateAfter(state, itemId));
    await this.turn.run("threads.retry_after_item", params, () => this.retry(itemId));
  }

  /** What the button under an error does: open the thread again, or answer the last message again. */
  retryLast() {
    const { error } = this.state;
    if (error?.reopen) return this.open(error.reopen);
    return error?.again ? error.again() : this.retryLastMessage();
  }

  /** Answer the newest message that the server has. */
  retryLastMessage() {
    const last = this.state.items.findLast((item) => item.type === "user_message" && !isUnconfirmed(item));
    if (last && this.threadId) return this.retry(last.id);
  }

  /** Stop the turn that runs, here or elsewhere. What it has said stays. */
  async stop() {
    const { elsewhere } = this.state;
    this.kit.store.set({ stopping: true });
    if (!elsewhere) return this.turn.stop();
    try {
      await this.kit.options.standIn?.onStop?.(this.threadId);
    } catch (error) {
      this.kit.store.set({ stopping: false });
      this.kit.notify(error);
    }
  }

  /**
   * Run a custom action on the server, streaming its answer or taking the one item it updates. It waits for a turn
   * that runs: the server may not have stored yet what that turn has shown.
   */
  async action({ type, payload }, itemId, { streaming = true } = {}) {
    const params = { thread_id: this.threadId, action: { type, payload }, ...(itemId && { item_id: itemId }) };
    await this.turn.idle();
    if (this.threadId !== params.thread_id) return;
    if (streaming) {
      await this.turn.run("threads.custom_action", params, null);
      return;
    }
    const { updated_item: item } = await this.kit.client.call("threads.sync_custom_action", params);
    if (item && this.threadId === params.thread_id) this.turn.apply({ type: "thread.item.replaced", item });
  }

  async answerStructuredInput(itemId, submission) {
    const params = { thread_id: this.threadId, item_id: itemId, input: submission };
    await this.turn.idle();
    if (this.threadId !== params.thread_id) return;
    await this.turn.run("threads.add_structured_input", params, null);
  }

  /** Say that a response was good or bad; saying it again changes the verdict. */
  async rate(itemIds, kind) {
    const { verdicts } = this.kit;
    const key = itemIds.at(-1);
    const previous = verdicts.get(key);
    const show = (verdict) => {
      verdicts.set(key, verdict);
      this.kit.store.set({ feedback: verdicts.all() });
    };
    show(kind);
    try {
      await this.kit.client.call("items.feedback", { thread_id: this.threadId, item_ids: itemIds, kind });
    } catch (error) {
      show(previous);
      this.kit.notify(error);
    }
  }
}

function oldestFirst(items) {
  const newestFirst = items.length > 1 && items[0].created_at > items.at(-1).created_at;
  return newestFirst ? items.toReversed() : items;
}
