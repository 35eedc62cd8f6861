/** Where the stack answers: its outputs StreamUrl and ApiUrl. */
export interface Settings {
  /** ChatKit's one address, which streams. */
  streamUrl: string;
  /** The same operations, each answered in one piece, which costs less. */
  chatUrl: string;
  /** From OpenAI's domain settings. */
  domainKey: string;
}

const ENDPOINT = "chatkit/api";

/** The settings of this build. A page that is served without them talks to `make dev`. */
export const settings: Settings = {
  streamUrl: endpoint(import.meta.env.VITE_STREAM_URL ?? "http://127.0.0.1:8001/"),
  chatUrl: endpoint(import.meta.env.VITE_API_URL ?? "http://127.0.0.1:8000/"),
  domainKey: import.meta.env.VITE_DOMAIN_KEY ?? "local-dev",
};

function endpoint(base: string): string {
  return new URL(ENDPOINT, base.endsWith("/") ? base : `${base}/`).href;
}
