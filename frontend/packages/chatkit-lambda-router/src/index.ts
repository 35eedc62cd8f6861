import type { RouterOptions } from "./options.js";
import { ChatKitRouter } from "./router.js";

export type { Attachment } from "./attachments.js";
export type { Part } from "./conversations.js";
export type { Documents, KnowledgeDocument, OnSent } from "./documents.js";
export type { Question } from "./forks.js";
export type { Fact } from "./memory.js";
export type { ChatKitApi, ChatKitElement, RouterOptions, TokenSource, UnsentMessage } from "./options.js";
export type { PeopleItem, Waiting } from "./people.js";
export type { Hit, Hits } from "./search.js";
export type { Share, SharedItem, ShareOptions, Snapshot } from "./shares.js";
export type { ChatKitRouter } from "./router.js";

/** Make the router between one ChatKit element and a ChatKit on Lambda backend. */
export function createRouter(options: RouterOptions): ChatKitRouter {
  return new ChatKitRouter(options);
}
