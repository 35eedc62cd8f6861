/** The messages that replace earlier ones. ChatKit has no such messages, so the router marks their requests. */
export class Edits {
    #next = null;
    /** The marked bodies by ChatKit's own: ChatKit may send the same request again. */
    #marked = new Map();
    /** The next message of a thread replaces this item. */
    begin(threadId, itemId) {
        this.#next = { threadId, itemId };
    }
    /** The user has opened another thread, so the next message replaces nothing. */
    forget() {
        this.#next = null;
    }
    /** Return the body to send for ChatKit's. */
    marked({ type, threadId }, body) {
        const next = this.#next;
        if (next && type === "threads.add_user_message" && threadId === next.threadId) {
            this.#next = null;
            this.#marked.set(body, JSON.stringify({ ...JSON.parse(body), metadata: { edit_of: next.itemId } }));
        }
        return this.#marked.get(body) ?? body;
    }
    /** An answer has ended: the same words are a new message from now on. */
    ended(sent) {
        for (const [body, marked] of this.#marked)
            if (marked === sent)
                this.#marked.delete(body);
    }
}
