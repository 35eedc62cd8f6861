/** Threads asked for at once. */
const PAGE_SIZE = 20;

/** The list of the caller's threads: paging, renaming, deleting. */
export class History {
  constructor(kit, conversation) {
    this.kit = kit;
    this.conversation = conversation;
  }

  get state() {
    return this.kit.store.get().history;
  }

  set(patch) {
    this.kit.store.set((state) => ({ history: { ...state.history, ...patch } }));
  }

  async show() {
    if (this.state.open) return;
    this.set({ open: true, threads: [], hasMore: false, after: null });
    this.kit.emit("history.open");
    await this.loadMore();
  }

  hide() {
    if (!this.state.open) return;
    this.set({ open: false });
    this.kit.emit("history.close");
  }

  async loadMore() {
    if (this.state.loading) return;
    const { after } = this.state;
    this.set({ loading: true, error: null });
    try {
      const params = { limit: PAGE_SIZE, order: "desc", ...(after && { after }) };
      const page = await this.kit.client.call("threads.list", params);
      const known = new Set(this.state.threads.map((thread) => thread.id));
      const threads = [...this.state.threads, ...page.data.filter((thread) => !known.has(thread.id))];
      this.set({ threads, hasMore: page.has_more, after: page.after ?? null });
    } catch (error) {
      this.set({ error: error.message });
      this.kit.fail(error);
    } finally {
      this.set({ loading: false });
    }
  }

  async open(threadId) {
    this.hide();
    await this.conversation.open(threadId);
  }

  async rename(threadId, title) {
    try {
      const thread = await this.kit.client.call("threads.update", { thread_id: threadId, title });
      this.remember(thread);
      if (this.conversation.threadId === threadId) {
        this.kit.store.set((state) => ({ thread: { ...state.thread, title: thread.title } }));
      }
    } catch (error) {
      this.kit.notify(error);
    }
  }

  async remove(threadId) {
    try {
      await this.kit.client.call("threads.delete", { thread_id: threadId });
      this.set({ threads: this.state.threads.filter((thread) => thread.id !== threadId) });
      if (this.conversation.threadId === threadId) await this.conversation.open(null);
    } catch (error) {
      this.kit.notify(error);
    }
  }

  /** Keep a listed thread's title and status as the stream tells them. */
  remember(thread) {
    const update = (known) => (known.id === thread.id ? { ...known, ...thread } : known);
    this.set({ threads: this.state.threads.map(update) });
  }
}
