import { EMPTY_THREAD, addUnconfirmed, isUnconfirmed, metadataOf, prependItems } from "../state/thread.js";
import { truncateAfter } from "../state/thread.js";
import { TurnRunner } from "./turn.js";

/** Items asked for at once, when a thread is opened and when older ones are wanted. */
const PAGE_SIZE = 30;

/** The thread that is open: loads it, sends to it, and runs its turns. */
export class Conversation {
  /** @param {object} kit the element's shared parts: store, client, options, emit */
  constructor(kit) {
    this.kit = kit;
    this.turn = new TurnRunner(kit);
    this.opening = 0;
  }

  get state() {
    return this.kit.store.get();
  }

  get threadId() {
    return this.state.thread?.id ?? null;
  }

  /** Stop reading; a turn that runs goes on, on the server. */
  abandon() {
    this.opening++;
    this.turn.abandon();
    this.kit.store.set({ running: false, loading: false, progress: null });
  }

  /** Leave the open thread for another one, or for a new one when `threadId` is null. */
  async open(threadId) {
    this.turn.abandon();
    const ticket = ++this.opening;
    const changed = threadId !== this.threadId;
    this.kit.store.set({ ...EMPTY_THREAD, loading: threadId !== null, loadingOlder: false, running: false, feedback: {} });
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

  /** Fetch a thread with its newest items. */
  async load(threadId) {
    const thread = await this.kit.client.call("threads.get_by_id", { thread_id: threadId });
    const whole = !thread.items.has_more;
    // A server may give the oldest page of a long thread here: the newest is what a reader wants to see.
    const page = whole ? thread.items : await this.listItems(threadId, null);
    const items = whole ? oldestFirst(page.data) : page.data.toReversed();
    return { thread: metadataOf(thread), items, hasOlder: page.has_more, olderAfter: page.after ?? null };
  }

  listItems(threadId, after) {
    const params = { thread_id: threadId, limit: PAGE_SIZE, order: "desc", ...(after && { after }) };
    return this.kit.client.call("items.list", params);
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
        page = await this.listItems(threadId, after);
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

  /** Ask the server again what the thread holds, without leaving it. */
  async refresh() {
    const threadId = this.threadId;
    if (!threadId || this.state.running) return;
    const loaded = await this.load(threadId);
    if (this.threadId === threadId && !this.state.running) this.kit.store.set(loaded);
  }

  /**
   * Send a user message, to the open thread or to a new one.
   * @param {object} input the protocol's UserMessageInput; its attachments are objects here, ids on the wire
   */
  async send({ attachments = [], ...input }, { newThread = false } = {}) {
    if (newThread && this.threadId) await this.open(null);
    await this.turn.idle();
    const before = this.state;
    this.kit.store.set((state) => addUnconfirmed(state, input, attachments));
    const body = { ...input, attachments: attachments.map((attachment) => attachment.id) };
    const threadId = this.threadId;
    const type = threadId ? "threads.add_user_message" : "threads.create";
    const params = threadId ? { thread_id: threadId, input: body } : { input: body };
    const again = () => {
      this.kit.store.set({ items: before.items });
      return this.send({ attachments, ...input });
    };
    await this.turn.run(type, params, again);
  }

  /** Answer a user message anew; everything after it goes. */
  async retry(itemId) {
    const params = { thread_id: this.threadId, item_id: itemId };
    await this.turn.idle();
    if (this.threadId !== params.thread_id) return;
    this.kit.store.set((state) => truncateAfter(state, itemId));
    await this.turn.run("threads.retry_after_item", params, () => this.retry(itemId));
  }

  /** What the button under an error does: retry the last confirmed message, or send the unconfirmed one again. */
  retryLast() {
    const { error } = this.state;
    if (error?.reopen) return this.open(error.reopen);
    const last = this.state.items.findLast((item) => item.type === "user_message");
    if (last && !isUnconfirmed(last) && this.threadId) return this.retry(last.id);
    return error?.again?.();
  }

  stop() {
    return this.turn.stop();
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
    const key = itemIds.at(-1);
    const previous = this.state.feedback;
    const params = { thread_id: this.threadId, item_ids: itemIds, kind };
    this.kit.store.set({ feedback: { ...previous, [key]: kind } });
    try {
      await this.kit.client.call("items.feedback", params);
    } catch (error) {
      if (this.threadId === params.thread_id) this.kit.store.set({ feedback: previous });
      this.kit.notify(error);
    }
  }
}

function oldestFirst(items) {
  const newestFirst = items.length > 1 && items[0].created_at > items.at(-1).created_at;
  return newestFirst ? items.toReversed() : items;
}
