import { Documents } from "./documents.js";
import { fork, questions } from "./forks.js";
import { ask } from "./json.js";
import { Memory } from "./memory.js";
import { People } from "./people.js";
import { search } from "./search.js";
import { Shares } from "./shares.js";
/** What a page offers around the element: for the open conversation, and for the others of its user. */
export class Conversations {
    /** A person in place of the assistant: for the user, and for the staff. */
    people;
    /** Links to snapshots of conversations: make, list, revoke and read them. */
    shares;
    /** The facts that the assistant keeps about the user, and the switch of the memory. */
    memory;
    /** The user's own documents, which the assistant searches. */
    documents;
    #backend;
    constructor(backend) {
        this.#backend = backend;
        this.people = new People(backend, () => this.openThread);
        this.memory = new Memory(backend);
        this.shares = new Shares(backend, () => this.openThread);
        this.documents = new Documents(backend, { scope: "user" });
    }
    /** The open thread. */
    get openThread() {
        const { thread } = this;
        if (thread === null)
            throw new Error("No conversation is open.");
        return thread;
    }
    /**
     * Give a visitor's threads to the user who has signed in. Call it after the sign-in, when `token` returns the user's
     * token, and before the element shows its list of threads. It may be called again: what has moved stays.
     *
     * @param visitorToken the visitor's token that the page has kept; null if the visitor's token is in a cookie
     * @returns how many threads the server still moves; they follow within minutes
     * @throws Error if the server did not take the threads along
     */
    async takeAlong(visitorToken) {
        const init = {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify(visitorToken === null ? {} : { visitor_token: visitorToken }),
        };
        const response = await this.#backend.send(`${this.#backend.apiUrl}/visitor/take-along`, init, { repeatable: true });
        if (!response.ok)
            throw new Error(`The conversations could not be taken along (${response.status}).`);
        const { pending } = (await response.json());
        return pending;
    }
    /** The parts that a page may show to this user. The server refuses the requests of all others. */
    async parts() {
        return new Set((await ask(this.#backend, "GET", `${this.#backend.apiUrl}/choices`)).parts);
    }
    /** The documents of the user's tenant and its groups, or of one group, for roles that may change them. */
    tenantDocuments(group) {
        return new Documents(this.#backend, { scope: "tenant", ...(group === undefined ? {} : { group }) });
    }
    /** The user's newest messages in the open thread, the newest first: for a page that offers to fork or to edit. */
    async questions() {
        return questions(this.#backend, this.openThread);
    }
    /**
     * Copy the open thread up to an item into a new thread, and open that.
     *
     * @param before whether to leave the item out, to ask its question in another way
     * @throws Error with the server's message
     */
    async fork(itemId, { before = false } = {}) {
        const threadId = await fork(this.#backend, this.openThread, itemId, before);
        await this.open(threadId);
        return threadId;
    }
    /**
     * Search the user's conversations by words, the newest first.
     *
     * @param after the `next` of the page before
     * @throws Error with the server's message
     */
    search(query, after) {
        return search(this.#backend, query, after);
    }
}
