/** The settings of this build. A page that is built without them talks to `make dev`. */
export const settings = {
  /** The stack's output `StreamUrl`. */
  streamUrl: import.meta.env.VITE_STREAM_URL ?? "http://127.0.0.1:8001/",
  /** The stack's output `ApiUrl`. */
  apiUrl: import.meta.env.VITE_API_URL ?? "http://127.0.0.1:8000/",
  /** From OpenAI's domain settings. */
  domainKey: import.meta.env.VITE_DOMAIN_KEY ?? "local-dev",
};
