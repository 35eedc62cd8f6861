import { say } from "../element/texts.js";
import { close, field, pageDialog, paragraph, submit } from "./dialog.js";

/** The server's limit for a reason, in characters. */
const MAX_REASON = 500;

/**
 * A dialog in which the user asks for a person in the open conversation.
 * @param {HTMLButtonElement} button opens the dialog
 * @param {(reason: string) => Promise<void>} ask
 */
export function offerPerson(button, ask) {
  const open = pageDialog(say("Ask for a person"), async (dialog, attempt) => {
    const [named, reason] = field("textarea", say("What is it about?"), { rows: 2, maxLength: MAX_REASON, required: true });
    const form = document.createElement("form");
    form.append(named, submit(say("Ask")));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void attempt(() => ask(reason.value).then(() => close(dialog)));
    });
    dialog.append(paragraph(say("A person of the staff then reads this conversation and answers here.")), form);
  });
  button.addEventListener("click", open);
}
