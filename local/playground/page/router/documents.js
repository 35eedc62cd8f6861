import { ask } from "./json.js";
/** The documents of a user or of a tenant: to list, add, replace and remove. */
export class Documents {
    #backend;
    #space;
    constructor(backend, space) {
        this.#backend = backend;
        this.#space = space;
    }
    /** A page of documents, the oldest first. `next` is the `after` of the next page. */
    list(after) {
        return ask(this.#backend, "GET", this.#url("", after === undefined ? {} : { after }));
    }
    /** A document with its progress. */
    async read(id) {
        return (await ask(this.#backend, "GET", this.#url(id))).document;
    }
    /**
     * Add a document. The answer comes when the file is sent, and the server then reads the document.
     *
     * @throws Error with the server's message
     */
    async add(file, onSent) {
        const { document, upload } = await this.#announce("", file);
        try {
            await send(upload, file, onSent);
        }
        catch (error) {
            // Without its file, the document would count towards the limit for a while.
            await this.remove(document.id).catch(() => { });
            throw error;
        }
        return this.complete(document.id);
    }
    /** Replace a document by a new version. Searches find the old one until the new one is read. */
    async replace(id, file, onSent) {
        await send((await this.#announce(id, file)).upload, file, onSent);
        return this.complete(id);
    }
    /** Start the reading of a document whose file is sent, or of a failed document again. */
    async complete(id) {
        const url = `${this.#backend.apiUrl}/knowledge/documents/${encodeURIComponent(id)}/complete`;
        return (await ask(this.#backend, "POST", url, this.#space)).document;
    }
    /** Remove a document. From now on no search finds it. */
    async remove(id) {
        await ask(this.#backend, "DELETE", this.#url(id));
    }
    #announce(id, file) {
        // Browsers do not know the type of each file. The server then goes by the name.
        const about = { name: file.name, mime_type: file.type || "application/octet-stream", size: file.size };
        const url = `${this.#backend.apiUrl}/knowledge/documents${id && `/${encodeURIComponent(id)}`}`;
        return ask(this.#backend, "POST", url, { ...this.#space, ...about });
    }
    #url(id, more = {}) {
        const query = new URLSearchParams({ ...this.#space, ...more });
        return `${this.#backend.apiUrl}/knowledge/documents${id && `/${encodeURIComponent(id)}`}?${query}`;
    }
}
/** Send a file to the bucket. `fetch` does not tell how much is sent, so this is an XMLHttpRequest. */
function send({ url, method, headers }, file, onSent) {
    return new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        const fail = () => reject(new Error("The file could not be sent. Please try again."));
        request.upload.addEventListener("progress", ({ loaded, total }) => onSent?.(total > 0 ? loaded / total : 0));
        request.addEventListener("error", fail);
        request.addEventListener("load", () => (request.status < 300 ? resolve() : fail()));
        request.open(method, url);
        for (const [name, value] of Object.entries(headers))
            request.setRequestHeader(name, value);
        request.send(file);
    });
}
