/** The operations that answer with a stream; all others are one JSON answer, which `chat` gives without a stream's cost. */
const STREAMING = new Set([
  "threads.create",
  "threads.add_user_message",
  "threads.add_client_tool_output",
  "threads.add_structured_input",
  "threads.retry_after_item",
  "threads.custom_action",
]);

/**
 * The `fetch` for ChatKit's `api` option: sends the non-streaming operations to the chat endpoint, adds the
 * token, and leaves the bucket's host alone (an Authorization header breaks a presigned URL).
 * @param {{chatUrl: string, streamUrl: string, uploadUrl: string}} urls
 * @param {{endpoint: "stream" | "chat", token: string}} settings read at every call
 * @param {{keyFor: (body: string) => string}} pending gives each turn its Idempotency-Key
 */
export function createFetchRouter(urls, settings, pending) {
  const ours = new Set([urls.chatUrl, urls.streamUrl, urls.uploadUrl].map((url) => new URL(url).origin));
  return (input, init = {}) => {
    const url = new URL(typeof input === "string" ? input : input.url, document.baseURI);
    const headers = new Headers(init.headers);
    if (settings.token && ours.has(url.origin)) headers.set("authorization", `Bearer ${settings.token}`);
    const streaming = isStreaming(init.body);
    if (streaming) headers.set("idempotency-key", pending.keyFor(init.body));
    const toChat = url.href === urls.streamUrl && !streaming;
    return fetch(toChat ? urls.chatUrl : url.href, { ...init, headers });
  };
}

function isStreaming(body) {
  try {
    return STREAMING.has(JSON.parse(body).type);
  } catch {
    return false;
  }
}
