import { say } from "../element/texts.js";
import { action, close, pageDialog, paragraph, section } from "./dialog.js";

/**
 * A box that searches the user's conversations, and a dialog with the hits.
 * @param {HTMLFormElement} form has the box
 * @param {() => object} router the page's router
 */
export function offerSearch(form, router) {
  const open = pageDialog(say("Search"), async (dialog, attempt) => {
    const query = new FormData(form).get("q").trim();
    const more = async (after) => {
      const { data, next, complete } = await router().search(query, after);
      if (data.length === 0 && next === null) dialog.append(paragraph(say("Nothing was found.")));
      for (const hit of data) dialog.append(row(hit, () => attempt(() => show(hit))));
      if (!complete) dialog.append(paragraph(say("Older conversations are still being prepared for the search.")));
      if (next === null) return;
      const button = action(say("More"), () => attempt(() => (button.remove(), more(next))));
      dialog.append(button);
    };
    const show = async ({ thread_id: threadId }) => {
      await router().open(threadId);
      close(dialog);
    };
    await more();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (new FormData(form).get("q").trim()) open();
  });
}

function row({ title, created_at: created, snippet }, act) {
  const text = paragraph("");
  for (const { text: piece, match } of snippet) {
    const part = document.createElement(match ? "mark" : "span");
    part.textContent = piece;
    text.append(part);
  }
  const name = `${title ?? say("Conversation")}, ${new Date(created).toLocaleDateString()}`;
  return section(action(name, act), text);
}
