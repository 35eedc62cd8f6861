import { ask } from "./json.js";
/** A person in place of the assistant: the calls of a user, and those of the staff. */
export class People {
    #backend;
    #openThread;
    constructor(backend, openThread) {
        this.#backend = backend;
        this.#openThread = openThread;
    }
    /** Let the open thread ask for a person. */
    async ask(reason) {
        await this.#send("POST", "person", { thread_id: this.#openThread(), reason });
    }
    /** Let the assistant answer in the open thread again. */
    async returnToAssistant() {
        await this.#send("DELETE", `person/${encodeURIComponent(this.#openThread())}`);
    }
    /** For staff: the conversations that ask for a person or have one. */
    async waiting() {
        return (await this.#send("GET", "people")).data;
    }
    /** For staff: the newest items of such a conversation, the newest first. */
    async read(id) {
        return (await this.#send("GET", this.#path(id))).data;
    }
    /** For staff: a short-lived URL of a file that the user has sent there. */
    async file(id, attachmentId) {
        const path = `${this.#path(id)}/attachments/${encodeURIComponent(attachmentId)}`;
        return (await this.#send("GET", path)).url;
    }
    /** For staff: answer in a conversation. Its user reads the name in the token. */
    async take(id) {
        await this.#send("POST", `${this.#path(id)}/take`);
    }
    /** For staff: say something in a conversation that was taken over. */
    async say(id, text) {
        await this.#send("POST", `${this.#path(id)}/say`, { text });
    }
    /** For staff: hand a conversation back to the assistant. */
    async handBack(id) {
        await this.#send("DELETE", this.#path(id));
    }
    #path(id) {
        return `people/${encodeURIComponent(id)}`;
    }
    #send(method, path, body) {
        return ask(this.#backend, method, `${this.#backend.apiUrl}/${path}`, body);
    }
}
