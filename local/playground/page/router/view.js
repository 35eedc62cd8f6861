const STORE = "chatkit-lambda-router.thread";
/** The client effect of a job that was started. */
const JOB_EFFECT = "job.started";
/** The client effect of a thread that asks for a person. */
const PERSON_EFFECT = "person.asked";
const CHANNEL = "chatkit-lambda-router";
/** What the router knows of ChatKit's element, its page and the page's other tabs. */
export class View {
    /** The open thread; null for a new one, undefined while unknown. */
    thread;
    #listener;
    #element = null;
    #last = null;
    #attached = null;
    #channel = null;
    #initial;
    #closing = false;
    #refreshing = null;
    #refreshAgain = false;
    constructor(listener) {
        this.#listener = listener;
    }
    /** The thread that was open before the page was loaded. */
    get initialThread() {
        if (this.#initial === undefined) {
            try {
                this.#initial = sessionStorage.getItem(STORE);
            }
            catch {
                this.#initial = null;
            }
        }
        return this.#initial;
    }
    /** Whether the page is being closed, or the element is no longer in it. */
    get leaving() {
        return this.#closing || (this.#attached !== null && !this.#element?.isConnected);
    }
    attach(element) {
        // React calls a ref with null and the same element at each drawing.
        if (element === null) {
            this.#element = null;
            queueMicrotask(() => !this.#element && this.#detach());
            return;
        }
        const same = this.#attached !== null && element === this.#last;
        this.#element = this.#last = element;
        if (!same)
            this.#listen(element);
    }
    #detach() {
        this.#attached?.abort();
        this.#channel?.close();
        this.#channel = null;
    }
    #listen(element) {
        this.#detach();
        this.#attached = new AbortController();
        const { signal } = this.#attached;
        const on = (name, act) => element.addEventListener(name, (event) => act(event.detail?.threadId ?? null), { signal });
        on("chatkit.ready", () => this.#listener.loaded());
        on("chatkit.thread.change", (threadId) => this.#open(threadId));
        on("chatkit.thread.load.start", (threadId) => this.#open(threadId));
        on("chatkit.thread.load.end", () => this.#listener.loaded());
        on("chatkit.response.end", () => this.#listener.answered());
        element.addEventListener("chatkit.effect", (event) => {
            const { name } = event.detail ?? {};
            if (name === PERSON_EFFECT)
                this.#listener.personAsked();
            if (name === JOB_EFFECT)
                this.#listener.jobStarted();
        }, { signal });
        addEventListener("pagehide", () => (this.#closing = true), { signal });
        addEventListener("pageshow", () => (this.#closing = false), { signal });
        addEventListener("online", () => this.#listener.looked(), { signal });
        document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#listener.looked(), { signal });
        this.#channel = new BroadcastChannel(CHANNEL);
        this.#channel.addEventListener("message", ({ data }) => this.#listener.changedElsewhere(String(data)));
    }
    /** ChatKit reads a thread. */
    read(threadId) {
        if (this.thread === undefined && threadId !== null)
            this.#open(threadId);
    }
    #open(threadId) {
        if (threadId === this.thread)
            return;
        this.thread = threadId;
        try {
            if (threadId === null)
                sessionStorage.removeItem(STORE);
            else
                sessionStorage.setItem(STORE, threadId);
        }
        catch {
            // Without storage a reload opens a new thread.
        }
        this.#listener.threadOpened(threadId);
    }
    forget() {
        this.thread = null;
        this.#initial = null;
        try {
            sessionStorage.removeItem(STORE);
        }
        catch {
            // Nothing is stored.
        }
    }
    /** Open the thread that a message has made, unless the user has opened another one. */
    show(threadId) {
        if (this.thread == null)
            void this.#element?.setThreadId(threadId);
    }
    /** Open a thread. */
    async open(threadId) {
        await this.#element?.setThreadId(threadId);
    }
    compose(message) {
        const element = this.#element;
        if (!element)
            return;
        // ChatKit first shows the error; then the words come back.
        setTimeout(() => void element.setComposerValue(message), 0);
    }
    /** Tell the page's other tabs that a turn has started or ended in a thread, or that the thread is deleted. */
    tellOthers(threadId) {
        if (threadId !== null)
            this.#channel?.postMessage(threadId);
    }
    /** Let ChatKit read the open thread again; a call that comes meanwhile is one more reading at the end. */
    refresh(threadId) {
        if (this.#refreshing) {
            this.#refreshAgain = true;
            return;
        }
        if (threadId !== this.thread || !this.#element?.isConnected)
            return;
        // Before ChatKit has loaded, the element has no methods and nothing to refresh.
        this.#refreshing = Promise.resolve(this.#element.fetchUpdates?.())
            .catch((error) => console.warn("chatkit-lambda-router: ChatKit could not read the thread again.", error))
            .finally(() => {
            this.#refreshing = null;
            if (!this.#refreshAgain)
                return;
            this.#refreshAgain = false;
            if (this.thread)
                this.refresh(this.thread);
        });
    }
}
