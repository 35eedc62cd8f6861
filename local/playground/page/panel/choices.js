import { say } from "../../element/texts.js";

/** Users to be, one click each; tokens of the dev server's own. */
export const USERS = [
  { user: "ann", tenant: "acme", role: "user" },
  { user: "boss", tenant: "acme", role: "admin" },
  { user: "zoe", tenant: "globex", role: "user" },
];

/** What the demo model does at a line that starts with `!`. */
export const COMMANDS = [
  { command: "!slow", argument: "40", about: () => say("words, 100 ms apart") },
  { command: "!think", argument: "about the weather", about: () => say("reasoning, then an answer") },
  { command: "!tool", argument: "list_tasks {}", about: () => say("a tool call") },
  { command: "!image", argument: "a blue sky", about: () => say("a picture") },
  { command: "!cite", argument: "https://example.com/ An example", about: () => say("a source") },
  { command: "!long", argument: "8", about: () => say("KB of text") },
  { command: "!fail", argument: "3", about: () => say("an error after some words") },
  { command: "!say", argument: "Hello", about: () => say("your own words") },
];

/** Who a token speaks for, as the panel shows it. The server alone verifies tokens. */
export function callerOf(token) {
  if (!token) return { user: "guest", tenant: "local", role: "user" };
  try {
    const claims = JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    return { user: claims.sub, tenant: claims.tenant_id, role: claims.role };
  } catch {
    return { user: "unknown", tenant: "unknown", role: "unknown" };
  }
}
