import { ask } from "./json.js";
/** The links of the user to snapshots of conversations, and the snapshots behind the links of others. */
export class Shares {
    #backend;
    #openThread;
    constructor(backend, openThread) {
        this.#backend = backend;
        this.#openThread = openThread;
    }
    /** Share the open thread. Only this answer has the link's token. */
    create({ itemId, ...more } = {}) {
        const body = { thread_id: this.#openThread(), item_id: itemId, ...more };
        return ask(this.#backend, "POST", this.#url(), body);
    }
    /** The newest links of the user that still work. */
    async list() {
        return (await ask(this.#backend, "GET", this.#url())).data;
    }
    /** Revoke a link. It shows nothing from now on. */
    async revoke(id) {
        await ask(this.#backend, "DELETE", `${this.#url()}/${encodeURIComponent(id)}`);
    }
    /** Return the snapshot behind a link. */
    read(token) {
        return ask(this.#backend, "GET", `${this.#backend.apiUrl}/shared/${encodeURIComponent(token)}`);
    }
    #url() {
        return `${this.#backend.apiUrl}/shares`;
    }
}
