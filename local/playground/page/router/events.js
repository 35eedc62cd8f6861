/** Reads a stream of ChatKit events on its way to ChatKit: the thread that it creates, and whether it came to its end. */
export class EventScan {
    #decoder = new TextDecoder();
    #rest = "";
    #events = 0;
    #onThread;
    constructor(onThread) {
        this.#onThread = onThread;
    }
    /** Whether what came so far is a number of whole events, so that ChatKit takes the stream for complete. */
    get whole() {
        return this.#events > 0 && this.#rest === "";
    }
    push(bytes) {
        // JSON escapes its carriage returns: any raw one belongs to the framing.
        const frames = (this.#rest + this.#decoder.decode(bytes, { stream: true }).replaceAll("\r", "")).split("\n\n");
        this.#rest = frames.pop() ?? "";
        for (const frame of frames) {
            if (!frame.startsWith("data:"))
                continue;
            this.#events++;
            if (frame.includes('"thread.created"'))
                this.#read(frame);
        }
    }
    #read(frame) {
        const event = JSON.parse(frame.slice("data:".length));
        if (event.type === "thread.created" && event.thread?.id)
            this.#onThread(event.thread.id);
    }
}
