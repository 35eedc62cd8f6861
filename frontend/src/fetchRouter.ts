import type { Settings } from "./settings";

/** The operations that answer with a stream. All others are one JSON answer, for which no stream has to be paid. */
const STREAMING = new Set([
  "threads.create",
  "threads.add_user_message",
  "threads.add_client_tool_output",
  "threads.add_structured_input",
  "threads.retry_after_item",
  "threads.custom_action",
]);

/**
 * ChatKit sends everything to one address, uploads included. This `fetch` for its `api` option
 *
 * - sends what does not stream to the chat endpoint,
 * - adds the token to requests to the stack,
 * - and leaves every other host alone: a presigned URL of the bucket refuses a request with an Authorization header.
 */
export function createFetchRouter(
  { streamUrl, chatUrl }: Settings,
  token: () => Promise<string | null>,
  send: typeof fetch = fetch,
): typeof fetch {
  const ours = new Set([streamUrl, chatUrl].map((url) => new URL(url).origin));
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input, document.baseURI);
    if (!ours.has(url.origin)) return send(input, init);
    const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
    const bearer = await token();
    if (bearer) headers.set("authorization", `Bearer ${bearer}`);
    const target = url.href === streamUrl && !isStreaming(init?.body) ? chatUrl : input;
    return send(target, { ...init, headers });
  };
}

function isStreaming(body: BodyInit | null | undefined): boolean {
  if (typeof body !== "string") return true;
  try {
    return STREAMING.has((JSON.parse(body) as { type?: string }).type ?? "");
  } catch {
    return true;
  }
}
