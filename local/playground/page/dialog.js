import { say } from "../element/texts.js";

/**
 * A dialog of the page that is filled each time it is opened.
 * @param {string} label its name
 * @param {(dialog: HTMLDialogElement, attempt: (action: () => unknown) => Promise<void>) => Promise<void>} fill
 * @returns {() => Promise<void>} opens it
 */
export function pageDialog(label, fill) {
  const dialog = document.createElement("dialog");
  dialog.className = "page-dialog";
  dialog.setAttribute("aria-label", label);
  document.body.append(dialog);
  /** Do something, and show its error in the dialog. */
  const attempt = async (act) => {
    try {
      await act();
    } catch (error) {
      const told = paragraph(error.message);
      told.setAttribute("role", "alert");
      dialog.append(told);
    }
  };
  return async () => {
    dialog.replaceChildren(heading(label, dialog));
    if (!dialog.open) dialog.showModal();
    await attempt(() => fill(dialog, attempt));
  };
}

/** The first line of a dialog: its name, and the button that closes it. */
export function heading(label, dialog) {
  const line = document.createElement("header");
  const name = document.createElement("h2");
  name.textContent = label;
  line.append(name, action(say("Close"), () => dialog.close()));
  return line;
}

/** A button. */
export function action(label, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = label;
  button.addEventListener("click", act);
  return button;
}

/** A paragraph with a text. */
export function paragraph(text) {
  const element = document.createElement("p");
  element.textContent = text;
  return element;
}

/** A part of a dialog. */
export function section(...children) {
  const element = document.createElement("section");
  element.append(...children);
  return element;
}
