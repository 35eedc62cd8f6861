import { say } from "../element/texts.js";
import { action, close, pageDialog, paragraph, section } from "./dialog.js";

/**
 * A dialog with the user's newest questions, which ChatKit's element cannot show: each can be asked again in another
 * way, here or in a new conversation, and the conversation can go on from there in a new one.
 * @param {HTMLButtonElement} button opens the dialog
 * @param {() => object} router the page's router
 * @param {(words: string) => void} compose puts words into the composer
 */
export function offerForks(button, router, compose) {
  const open = pageDialog(say("Edit or fork"), async (dialog, attempt) => {
    const questions = await router().questions();
    if (questions.length === 0) dialog.append(paragraph(say("Nothing has been asked here yet.")));
    const choice = (label, act) =>
      action(label, () =>
        attempt(async () => {
          await act();
          close(dialog);
        }),
      );
    for (const { id, text } of questions) {
      const here = choice(say("Edit here"), () => {
        router().edit(id);
        compose(text);
      });
      const elsewhere = choice(say("Edit in a new conversation"), async () => {
        await router().fork(id, { before: true });
        compose(text);
      });
      dialog.append(section(paragraph(text), here, elsewhere, choice(say("Copy up to here"), () => router().fork(id))));
    }
  });
  button.addEventListener("click", open);
}
