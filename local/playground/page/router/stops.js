/** How often the router looks whether a stopped turn has ended, in ms, and how many times at most. */
const SETTLING_MILLISECONDS = 300;
const MAX_SETTLING_LOOKS = 20;
const HEADERS = { "content-type": "application/json" };
/** Stops turns on the server, and waits for their ends. */
export class Stops {
    #telling = new Map();
    #settling = new Set();
    #backend;
    #reads;
    #ended;
    /**
     * @param reads tells whether ChatKit reads the answer of a turn in a thread
     * @param ended called when a thread's stopped turn has ended
     */
    constructor(backend, reads, ended) {
        this.#backend = backend;
        this.#reads = reads;
        this.#ended = ended;
    }
    /** Whether a thread's turn is being stopped. */
    has(threadId) {
        return this.#telling.has(threadId) || this.#settling.has(threadId);
    }
    /** Resolves when the server has been told of a thread's Stop, if one is on its way. */
    telling(threadId) {
        return this.#telling.get(threadId);
    }
    /** Tell the server to stop a thread's running turn, and return whether it was told. Calls meanwhile share one request. */
    stop(threadId) {
        const running = this.#telling.get(threadId);
        if (running)
            return running;
        const stop = this.#cancel({ thread_id: threadId })
            .then((told) => told !== null)
            .finally(() => {
            this.#telling.delete(threadId);
            void this.#settle(threadId);
        });
        this.#telling.set(threadId, stop);
        return stop;
    }
    /** Stop the turn of a request, by its idempotency key, and return whether such a turn was running. */
    async stopRequest(key) {
        return (await this.#cancel({ idempotency_key: key }))?.cancelled ?? false;
    }
    /** Ask the server to stop a turn. Null: the server was not told. */
    async #cancel(named) {
        try {
            // `keepalive`: the request goes out even if the user closes the page right after Stop.
            const init = { method: "POST", headers: HEADERS, body: JSON.stringify(named), keepalive: true };
            const response = await this.#backend.send(`${this.#backend.apiUrl}/cancel`, init, { repeatable: true });
            if (response.ok)
                return (await response.json());
            console.error(`chatkit-lambda-router: Stop was answered with status ${response.status}.`);
        }
        catch (error) {
            console.error("chatkit-lambda-router: Stop did not reach the server.", error);
        }
        return null;
    }
    /** Wait until a stopped turn has ended: until then less is stored than ChatKit shows, and afterwards more. */
    async #settle(threadId) {
        this.#settling.add(threadId);
        const body = JSON.stringify({ type: "threads.get_by_id", params: { thread_id: threadId } });
        try {
            for (let look = 0; look < MAX_SETTLING_LOOKS && !this.#reads(threadId); look++) {
                const init = { method: "POST", headers: HEADERS, body };
                const response = await this.#backend.send(this.#backend.apiUrl, init, { repeatable: true });
                await response.body?.cancel();
                if (!response.headers.has("x-turn-id"))
                    break;
                await pause(SETTLING_MILLISECONDS);
            }
        }
        catch {
            // ChatKit reads what there is.
        }
        this.#settling.delete(threadId);
        this.#ended(threadId);
    }
}
export function pause(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
