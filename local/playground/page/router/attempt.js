import { EventScan } from "./events.js";
/** How long an aborted request may stay open until the server has started its turn: the longest cold start, and more. */
const STARTING_MILLISECONDS = 30_000;
/**
 * One attempt to send a turn's request.
 *
 * The connection is the router's own: ChatKit's abort ends what ChatKit reads at once, while the connection may stay open
 * until the thread is known that has to be stopped.
 */
export class Attempt {
    turn;
    /** Whether ChatKit has read the answer to its end, or been told that the request failed. */
    over = false;
    /** Whether ChatKit has aborted the request. */
    aborted = false;
    /** Whether the user has left the turn's thread since the attempt began. */
    left = false;
    /** Whether ChatKit aborted the request while it waited for a connection: it never left this machine. */
    unsent = false;
    /** What the router makes of the abort, once it has begun to. */
    decision = null;
    #connection = new AbortController();
    #start = () => { };
    #started = new Promise((resolve) => (this.#start = resolve));
    constructor(turn) {
        this.turn = turn;
    }
    get signal() {
        return this.#connection.signal;
    }
    /** Close the connection. The turn continues on the server. */
    close() {
        this.#connection.abort(new DOMException("ChatKit no longer reads this answer.", "AbortError"));
        this.#start();
    }
    /** Wait until the server has started the turn and its thread is known, or neither can happen any more. */
    async started() {
        const timer = setTimeout(this.#start, STARTING_MILLISECONDS);
        await this.#started;
        clearTimeout(timer);
    }
    /** The request has failed. */
    fail() {
        this.over = true;
        this.#start();
    }
    /**
     * Return the answer for ChatKit to read.
     *
     * @param given ChatKit's signal for the request
     * @param onThread called when the stream names the turn's thread
     * @param onEnd called with whether the whole answer has come
     */
    read(response, given, onThread, onEnd) {
        if (!response.body)
            return response;
        const reader = response.body.getReader();
        const scan = new EventScan((threadId) => {
            onThread(threadId);
            this.#start();
        });
        if (this.turn.threadId !== null)
            this.#start();
        const next = async () => {
            try {
                const { done, value } = await reader.read();
                if (value)
                    scan.push(value);
                if (done)
                    this.#end(scan.whole, onEnd);
                return value;
            }
            catch (error) {
                this.#end(false, onEnd);
                throw error;
            }
        };
        // Nobody reads an aborted answer any more, but it may still have to name the thread.
        const readOn = async () => {
            try {
                while (this.turn.threadId === null && (await next()) !== undefined)
                    ;
            }
            catch {
                // The connection is closed, or broken: the thread stays unknown.
            }
        };
        if (this.aborted) {
            void readOn();
            return response;
        }
        const body = new ReadableStream({
            start: (controller) => {
                given?.addEventListener("abort", () => {
                    if (this.over)
                        return;
                    controller.error(given.reason);
                    void readOn();
                });
            },
            pull: async (controller) => {
                const value = await next();
                if (this.aborted)
                    return;
                if (value === undefined)
                    controller.close();
                else
                    controller.enqueue(value);
            },
            cancel: () => {
                // ChatKit stopped reading without an abort, for example after an event that it cannot read. It may send again.
                if (!this.aborted)
                    this.close();
            },
        });
        const { status, statusText, headers } = response;
        return new Response(body, { status, statusText, headers });
    }
    #end(whole, onEnd) {
        if (this.over)
            return;
        this.over = true;
        this.#start();
        onEnd(whole);
    }
}
