import type { Attachment } from "./attachments.js";

/** Return the caller's token, or null for a guest. `refresh` is true after the server has answered 401. */
export type TokenSource = (request: { refresh: boolean }) => Promise<string | null> | string | null;

/** A message that the server did not accept. Its content, reply and attachments are what `setComposerValue` takes. */
export interface UnsentMessage {
  /** The message's thread, or null if it was the first of a new thread. */
  threadId: string | null;
  /** The message's parts. */
  content: { type: "input_text"; text: string }[];
  /** The quoted text, if the message answers one. */
  reply?: string;
  /** The message's files, if it has any. */
  attachments?: Attachment[];
  /** Whether the page was loaded again since, so that ChatKit does not show the message. */
  afterReload: boolean;
}

export interface RouterOptions {
  /** The stack's output `StreamUrl`: the operations that stream go there. */
  streamUrl: string;
  /** The stack's output `ApiUrl`: all other operations go there. Default: `streamUrl`. */
  apiUrl?: string;
  /** The stack's output `UploadUrl`, if `uploadStrategy` is `direct` and files do not go to `apiUrl`. */
  uploadUrl?: string;
  /** The caller's token. Default: none. */
  token?: TokenSource;
  /** The header that carries the token: the stack's setting `AUTH_HEADER`. Default: `authorization`. */
  tokenHeader?: string;
  /** Send `x-amz-content-sha256`, which CloudFront needs in front of a function URL with `AWS_IAM`. Default: false. */
  contentSha256?: boolean;
  /** Called with true when the router starts to follow a turn that ChatKit does not show as running, and with false at its end. */
  onFollow?: (following: boolean) => void;
  /** Called with true when the open thread waits for a person or has one, and with false at the end. */
  onPerson?: (person: boolean) => void;
  /** Called with a message that the server refused or never got. Default: put the message back into the composer. */
  onUnsent?: (message: UnsentMessage) => void;
}

/** What the router uses of ChatKit's element. */
export interface ChatKitElement extends EventTarget {
  readonly isConnected: boolean;
  fetchUpdates(): Promise<void>;
  setThreadId(threadId: string | null): Promise<void>;
  setComposerValue(value: Pick<UnsentMessage, "content" | "reply" | "attachments">): Promise<void>;
}

/** ChatKit's option `api`. */
export interface ChatKitApi {
  url: string;
  domainKey: string;
  fetch: typeof fetch;
  uploadStrategy: { type: "two_phase" };
}
