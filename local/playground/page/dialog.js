import { say } from "../element/texts.js";

/**
 * A dialog of the page that is filled each time it is opened.
 * @param {string} label its name
 * @param {(dialog: HTMLElement, attempt: (action: () => unknown) => Promise<void>, closed: AbortSignal) => Promise<void>} fill
 *   draws the dialog. `attempt` does something and shows its error. `closed` ends with the dialog, and before the next filling.
 * @returns {() => Promise<void>} opens it
 */
export function pageDialog(label, fill) {
  const dialog = document.createElement("dialog");
  dialog.className = "page-dialog";
  dialog.tabIndex = -1;
  dialog.setAttribute("aria-label", label);
  document.body.append(dialog);
  let filling = new AbortController();
  dialog.addEventListener("close", () => filling.abort());
  return async () => {
    filling.abort();
    filling = new AbortController();
    const body = document.createElement("div");
    const error = paragraph("");
    error.setAttribute("role", "alert");
    error.hidden = true;
    const attempt = async (act) => {
      error.hidden = true;
      try {
        await act();
      } catch (thrown) {
        error.textContent = thrown.message;
        error.hidden = false;
      }
      // The button that had the focus may be gone.
      if (dialog.open && !dialog.contains(document.activeElement)) dialog.focus();
    };
    dialog.replaceChildren(heading(label, dialog), error, body);
    if (!dialog.open) dialog.showModal();
    await attempt(() => fill(body, attempt, filling.signal));
  };
}

/** The first line of a dialog: its name, and the button that closes it. */
function heading(label, dialog) {
  const line = document.createElement("header");
  const name = document.createElement("h2");
  name.textContent = label;
  line.append(name, action(say("Close"), () => dialog.close()));
  return line;
}

/** Close the dialog that an element is in. */
export const close = (element) => element.closest("dialog").close();

/** A button. */
export function action(label, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = label;
  button.addEventListener("click", act);
  return button;
}

/** The button of a form. */
export function submit(label) {
  const button = document.createElement("button");
  button.textContent = label;
  button.className = "primary";
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

/** A field with its name above it. */
export function field(kind, label, attributes = {}) {
  const element = Object.assign(document.createElement(kind), attributes);
  const named = document.createElement("label");
  named.append(label, element);
  return [named, element];
}
