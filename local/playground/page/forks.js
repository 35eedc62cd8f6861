import { say } from "../element/texts.js";

/**
 * A dialog with the user's newest questions, which ChatKit's element cannot show: each can be asked again in another
 * way, here or in a new conversation, and the conversation can go on from there in a new one.
 * @param {HTMLButtonElement} button opens the dialog
 * @param {() => object} router the page's router
 * @param {(words: string) => void} compose puts words into the composer
 */
export function offerForks(button, router, compose) {
  const dialog = document.createElement("dialog");
  dialog.className = "forks";
  dialog.setAttribute("aria-label", say("Edit or fork"));
  document.body.append(dialog);
  button.addEventListener("click", async () => {
    dialog.replaceChildren(close(dialog));
    dialog.showModal();
    await attempt(dialog, async () => draw(dialog, await router().questions(), router(), compose));
  });
}

function draw(dialog, questions, router, compose) {
  if (questions.length === 0) dialog.append(paragraph(say("Nothing has been asked here yet.")));
  for (const { id, text } of questions) {
    const row = document.createElement("section");
    const act = (label, action) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label;
      button.addEventListener("click", () =>
        attempt(dialog, async () => {
          await action();
          dialog.close();
        }),
      );
      return button;
    };
    row.append(
      paragraph(text),
      act(say("Edit here"), () => {
        router.edit(id);
        compose(text);
      }),
      act(say("Edit in a new conversation"), async () => {
        await router.fork(id, { before: true });
        compose(text);
      }),
      act(say("Copy up to here"), () => router.fork(id)),
    );
    dialog.append(row);
  }
}

/** Do something, and show its error in the dialog. */
async function attempt(dialog, action) {
  try {
    await action();
  } catch (error) {
    const told = paragraph(error.message);
    told.setAttribute("role", "alert");
    dialog.append(told);
  }
}

function close(dialog) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = say("Close");
  button.addEventListener("click", () => dialog.close());
  return button;
}

function paragraph(text) {
  const element = document.createElement("p");
  element.textContent = text;
  return element;
}
