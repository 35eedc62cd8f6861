import { ask } from "./json.js";
/** The facts that the assistant keeps about the user, and the switch of the memory. */
export class Memory {
    #backend;
    constructor(backend) {
        this.#backend = backend;
    }
    /** The facts, the newest first, and whether the assistant reads and keeps any. */
    read() {
        return ask(this.#backend, "GET", this.#url());
    }
    /** Switch the memory on or off. The facts stay. */
    async switch(on) {
        await ask(this.#backend, "POST", this.#url(), { on });
    }
    /** Replace a fact's text. */
    change(id, fact) {
        return ask(this.#backend, "POST", this.#url(id), { fact });
    }
    /** Remove a fact. */
    async remove(id) {
        await ask(this.#backend, "DELETE", this.#url(id));
    }
    #url(id) {
        const address = `${this.#backend.apiUrl}/memory`;
        return id === undefined ? address : `${address}/${encodeURIComponent(id)}`;
    }
}
