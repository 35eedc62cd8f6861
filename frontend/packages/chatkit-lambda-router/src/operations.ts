/** The operations that the server answers with a stream of events. It answers all others with one JSON object. */
const STREAMING = new Set([
  "threads.create",
  "threads.add_user_message",
  "threads.add_client_tool_output",
  "threads.add_structured_input",
  "threads.retry_after_item",
  "threads.custom_action",
]);

/** The operations that change nothing, so that the router may repeat them. */
const READING = new Set(["threads.get_by_id", "threads.list", "items.list"]);

const MESSAGES = new Set(["threads.create", "threads.add_user_message"]);

/** One ChatKit request, as far as the router reads it. */
export interface Operation {
  type: string;
  threadId: string | null;
  streaming: boolean;
  reading: boolean;
}

interface Body {
  type?: string;
  params?: { thread_id?: string; input?: { content?: unknown[]; attachments?: string[]; quoted_text?: string } };
}

/** Return the operation in a request's body, or null if the body is none. */
export function operationIn(body: unknown): Operation | null {
  const { type, params } = parse(body);
  if (type === undefined) return null;
  return { type, threadId: params?.thread_id ?? null, streaming: STREAMING.has(type), reading: READING.has(type) };
}

/** Return the user's message in a request's body, or null if it holds none. */
export function messageIn(body: string): { content: { type: "input_text"; text: string }[]; reply?: string } | null {
  const { type, params } = parse(body);
  if (type === undefined || !MESSAGES.has(type) || !params?.input?.content) return null;
  const content = params.input.content as { type: "input_text"; text: string }[];
  const quoted = params.input.quoted_text;
  return quoted ? { content, reply: quoted } : { content };
}

/** Return the ids of the files that go with the message in a request's body. */
export function attachmentIdsIn(body: string): string[] {
  return parse(body).params?.input?.attachments ?? [];
}

function parse(body: unknown): Body {
  if (typeof body !== "string") return {};
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === "object" && parsed !== null ? (parsed as Body) : {};
  } catch {
    return {};
  }
}

/** What `fetch` gets for a request. */
export async function requestInit(request: Request): Promise<RequestInit> {
  const { method, headers, signal, credentials } = request;
  const text = headers.get("content-type")?.startsWith("application/json");
  const body = method === "GET" || method === "HEAD" ? null : await (text ? request.text() : request.blob());
  return { method, headers, signal, credentials, body };
}
