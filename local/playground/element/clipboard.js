import { say } from "./texts.js";
/** How long a copy button says that it has copied. */
export const COPIED_MILLISECONDS = 1500;

/** Copy a text. A browser may refuse, for example when the page has lost the focus: the user gets a notice then. */
export async function copyText(kit, text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    kit.notify(new Error(say("The browser did not allow this page to copy. Select the text and copy it yourself.")));
    return false;
  }
}
