import type { RouterOptions } from "./options.js";

const ENDPOINT = "chatkit/api";

/** A request that may be sent again without doing its work twice. */
export interface Sending {
  /** Send it again when the connection is back. */
  repeatable: boolean;
}

/** The stack's addresses, and how requests get there: with a token, a hash if asked for, and a clear error. */
export class Backend {
  readonly streamUrl: string;
  readonly apiUrl: string;
  #origins: Set<string>;
  #options: RouterOptions;
  #token: string | null = null;
  #refreshing: Promise<string | null> | null = null;
  #explained = new Set<string>();

  constructor(options: RouterOptions) {
    this.#options = options;
    this.streamUrl = endpoint(options.streamUrl);
    this.apiUrl = endpoint(options.apiUrl ?? options.streamUrl);
    const urls = [this.streamUrl, this.apiUrl, ...(options.uploadUrl ? [absolute(options.uploadUrl).href] : [])];
    this.#origins = new Set(urls.map((url) => new URL(url).origin));
  }

  /** Whether a URL is the stack's. All other hosts, such as the bucket's, get requests unchanged. */
  owns(url: URL): boolean {
    return this.#origins.has(url.origin);
  }

  /** The token of the last request. */
  get lastToken(): string | null {
    return this.#token;
  }

  /**
   * Send a request to the stack. After a 401, refresh the token once and repeat the request once.
   *
   * @throws TypeError if the stack cannot be reached or refuses this page's origin.
   */
  async send(url: string, init: RequestInit, sending: Sending): Promise<Response> {
    const token = await this.currentToken();
    const response = await this.#sendWith(token, url, init, sending);
    if (response.status !== 401 || !this.#options.token) return response;
    const fresh = await this.#refreshed(token);
    if (fresh === token) return response;
    await response.body?.cancel();
    return this.#sendWith(fresh, url, init, sending);
  }

  /** Return the token that the next request gets. */
  async currentToken(): Promise<string | null> {
    if (!this.#options.token) return null;
    this.#token = await (this.#refreshing ?? this.#options.token({ refresh: false }));
    return this.#token;
  }

  /** Return a token newer than the refused one. Requests that are refused together share one refresh. */
  async #refreshed(refused: string | null): Promise<string | null> {
    if (!this.#refreshing && this.#token !== refused) return this.#token;
    this.#refreshing ??= Promise.resolve(this.#options.token?.({ refresh: true }) ?? null);
    try {
      this.#token = await this.#refreshing;
      return this.#token;
    } finally {
      this.#refreshing = null;
    }
  }

  async #sendWith(token: string | null, url: string, init: RequestInit, sending: Sending): Promise<Response> {
    const headers = new Headers(init.headers);
    if (token) headers.set(this.#options.tokenHeader ?? "authorization", `Bearer ${token}`);
    let body = init.body ?? null;
    // A POST without a body needs the hash too, that of no bytes.
    if (this.#options.contentSha256 && (body !== null || init.method === "POST")) {
      // FormData gets its boundary here: the hash covers the bytes as they are sent.
      const packed = new Response(body);
      const bytes = await packed.arrayBuffer();
      const type = packed.headers.get("content-type");
      if (type && !headers.has("content-type")) headers.set("content-type", type);
      headers.set("x-amz-content-sha256", await sha256(bytes));
      body = bytes;
    }
    for (;;) {
      try {
        return await fetch(url, { ...init, headers, body });
      } catch (error) {
        if (init.signal?.aborted) throw error;
        // A server on this machine answers without a network, so the request is tried first.
        if (sending.repeatable && navigator.onLine === false) await online(init.signal);
        else throw await this.#explain(url, error);
      }
    }
  }

  /** Say why a request failed. A browser tells a page nothing, so two requests to `/health` find out. */
  async #explain(url: string, cause: unknown): Promise<Error> {
    const health = new URL("health", url.slice(0, url.lastIndexOf(ENDPOINT)) || url).href;
    const reaches = async (mode: RequestMode) => {
      try {
        await fetch(health, { mode, cache: "no-store" });
        return true;
      } catch {
        return false;
      }
    };
    if (await reaches("cors")) return new TypeError("The connection to the assistant was lost.", { cause });
    if (!(await reaches("no-cors"))) return new TypeError("The assistant cannot be reached.", { cause });
    const { origin } = new URL(url);
    if (!this.#explained.has(origin)) {
      this.#explained.add(origin);
      console.error(
        `chatkit-lambda-router: ${origin} refuses requests from ${location.origin} (CORS). ` +
          `Add ${location.origin} to the backend's setting ALLOWED_ORIGINS (the stack's parameter AllowedOrigins).`,
      );
    }
    return new TypeError("The assistant does not accept this page. Please tell the people who run it.", { cause });
  }
}

function absolute(url: string): URL {
  return new URL(url, globalThis.location?.href);
}

/** Return ChatKit's endpoint under a stack's output; an endpoint stays as it is. */
function endpoint(base: string): string {
  const url = absolute(base);
  if (!url.pathname.endsWith(`/${ENDPOINT}`)) url.pathname = `${url.pathname.replace(/\/?$/, "/")}${ENDPOINT}`;
  return url.href;
}

async function sha256(bytes: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Wait until the browser has a connection again. */
function online(signal: AbortSignal | null | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      removeEventListener("online", back);
      signal?.removeEventListener("abort", abort);
    };
    const back = () => (end(), resolve());
    const abort = () => (end(), reject(signal?.reason));
    addEventListener("online", back);
    signal?.addEventListener("abort", abort);
    if (navigator.onLine) back();
  });
}
