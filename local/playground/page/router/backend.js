const ENDPOINT = "chatkit/api";
/** The stack's addresses, and how requests get there: with a token, a hash if asked for, and a clear error. */
export class Backend {
    streamUrl;
    apiUrl;
    #origins;
    #options;
    #token = null;
    #refreshing = null;
    #explained = new Set();
    constructor(options) {
        this.#options = options;
        this.streamUrl = endpoint(options.streamUrl);
        this.apiUrl = endpoint(options.apiUrl ?? options.streamUrl);
        const urls = [this.streamUrl, this.apiUrl, ...(options.uploadUrl ? [absolute(options.uploadUrl).href] : [])];
        this.#origins = new Set(urls.map((url) => new URL(url).origin));
    }
    /** Whether a URL is the stack's. All other hosts, such as the bucket's, get requests unchanged. */
    owns(url) {
        return this.#origins.has(url.origin);
    }
    /** The token of the last request. */
    get lastToken() {
        return this.#token;
    }
    /**
     * Send a request to the stack. After a 401, refresh the token once and repeat the request once.
     *
     * @throws TypeError if the stack cannot be reached or refuses this page's origin.
     */
    async send(url, init, sending) {
        const token = await this.currentToken();
        const response = await this.#sendWith(token, url, init, sending);
        if (response.status !== 401 || !this.#options.token)
            return response;
        const fresh = await this.#refreshed(token);
        if (fresh === token)
            return response;
        await response.body?.cancel();
        return this.#sendWith(fresh, url, init, sending);
    }
    /** Return the token that the next request gets. */
    async currentToken() {
        if (!this.#options.token)
            return null;
        this.#token = await (this.#refreshing ?? this.#options.token({ refresh: false }));
        return this.#token;
    }
    /** Return a token newer than the refused one. Requests that are refused together share one refresh. */
    async #refreshed(refused) {
        if (!this.#refreshing && this.#token !== refused)
            return this.#token;
        this.#refreshing ??= Promise.resolve(this.#options.token?.({ refresh: true }) ?? null);
        try {
            this.#token = await this.#refreshing;
            return this.#token;
        }
        finally {
            this.#refreshing = null;
        }
    }
    async #sendWith(token, url, init, sending) {
        const headers = new Headers(init.headers);
        if (token)
            headers.set(this.#options.tokenHeader ?? "authorization", `Bearer ${token}`);
        let body = init.body ?? null;
        // A POST without a body needs the hash too, that of no bytes.
        if (this.#options.contentSha256 && (body !== null || init.method === "POST")) {
            // FormData gets its boundary here: the hash covers the bytes as they are sent.
            const packed = new Response(body);
            const bytes = await packed.arrayBuffer();
            const type = packed.headers.get("content-type");
            if (type && !headers.has("content-type"))
                headers.set("content-type", type);
            headers.set("x-amz-content-sha256", await sha256(bytes));
            body = bytes;
        }
        for (;;) {
            try {
                return await fetch(url, { ...init, headers, body });
            }
            catch (error) {
                if (init.signal?.aborted)
                    throw error;
                // A server on this machine answers without a network, so the request is tried first.
                if (sending.repeatable && navigator.onLine === false)
                    await online(init.signal);
                else
                    throw await this.#explain(url, error);
            }
        }
    }
    /** Say why a request failed. A browser tells a page nothing, so two requests to `/health` find out. */
    async #explain(url, cause) {
        const health = new URL("health", url.slice(0, url.lastIndexOf(ENDPOINT)) || url).href;
        const reaches = async (mode) => {
            try {
                await fetch(health, { mode, cache: "no-store" });
                return true;
            }
            catch {
                return false;
            }
        };
        if (await reaches("cors"))
            return new TypeError("The connection to the assistant was lost.", { cause });
        if (!(await reaches("no-cors")))
            return new TypeError("The assistant cannot be reached.", { cause });
        const { origin } = new URL(url);
        if (!this.#explained.has(origin)) {
            this.#explained.add(origin);
            console.error(`chatkit-lambda-router: ${origin} refuses requests from ${location.origin} (CORS). ` +
                `Add ${location.origin} to the backend's setting ALLOWED_ORIGINS (the stack's parameter AllowedOrigins).`);
        }
        return new TypeError("The assistant does not accept this page. Please tell the people who run it.", { cause });
    }
}
function absolute(url) {
    return new URL(url, globalThis.location?.href);
}
/** Return ChatKit's endpoint under a stack's output; an endpoint stays as it is. */
function endpoint(base) {
    const url = absolute(base);
    if (!url.pathname.endsWith(`/${ENDPOINT}`))
        url.pathname = `${url.pathname.replace(/\/?$/, "/")}${ENDPOINT}`;
    return url.href;
}
async function sha256(bytes) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
/** Wait until the browser has a connection again. */
function online(signal) {
    return new Promise((resolve, reject) => {
        const end = () => {
            removeEventListener("online", back);
            signal?.removeEventListener("abort", abort);
        };
        const back = () => (end(), resolve());
        const abort = () => (end(), reject(signal?.reason));
        addEventListener("online", back);
        signal?.addEventListener("abort", abort);
        if (navigator.onLine)
            back();
    });
}
