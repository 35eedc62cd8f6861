import { MarkdownView } from "../element/markdown.js";
import { say } from "../element/texts.js";
import { action, close, field, pageDialog, paragraph, section, submit } from "./dialog.js";

/** How often the dialog reads an open conversation again, in ms. */
const POLL_MILLISECONDS = 3000;

/**
 * The staff's dialog: the conversations that ask for a person. One is taken over, answered and handed back.
 * @param {HTMLButtonElement} button opens the dialog
 * @param {() => object} router the page's router, with the token of a caller who has the role
 */
export function offerPeople(button, router) {
  const open = pageDialog(say("People"), async (dialog, attempt, closed) => {
    const people = router().people;
    const waiting = await people.waiting();
    if (waiting.length === 0) dialog.append(paragraph(say("No conversation asks for a person.")));
    for (const { id, title, reason, handled_by: name } of waiting) {
      const told = name ? say("{name} answers", { name }) : say("Waits for a person");
      const enter = action(say("Open"), () => attempt(() => show(dialog, attempt, closed, people, id)));
      dialog.append(section(paragraph(`${title ?? say("Conversation")}: ${reason} (${told})`), enter));
    }
  });
  button.addEventListener("click", open);
}

async function show(dialog, attempt, closed, people, id) {
  const log = document.createElement("div");
  log.className = "talk";
  log.setAttribute("role", "log");
  log.setAttribute("aria-label", say("Conversation"));
  log.tabIndex = 0;
  const shown = new Map();
  const read = async () => {
    for (const item of (await people.read(id)).reverse()) {
      const text = (item.content ?? []).map((part) => part.text ?? "").join("\n\n");
      const files = item.attachments ?? [];
      if (shown.get(item.id)?.text === text || (!text && files.length === 0)) continue;
      const opened = files.map((file) => action(file.name, () => attempt(() => openFile(people, id, file.id))));
      const drawn = line(item.type, text, opened);
      if (shown.has(item.id)) shown.get(item.id).drawn.replaceWith(drawn);
      else log.append(drawn);
      shown.set(item.id, { text, drawn });
      log.scrollTop = log.scrollHeight;
    }
  };
  const [named, words] = field("textarea", say("Your words"), { rows: 3, required: true });
  const form = document.createElement("form");
  form.append(named, submit(say("Say")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void attempt(async () => {
      await people.say(id, words.value);
      words.value = "";
      await read();
    });
  });
  const controls = section(
    action(say("Take over"), () => attempt(() => people.take(id).then(read))),
    action(say("Hand back"), () => attempt(() => people.handBack(id).then(() => close(dialog)))),
    form,
  );
  dialog.replaceChildren(log, controls);
  await read();
  const timer = setInterval(() => void read().catch(() => clearInterval(timer)), POLL_MILLISECONDS);
  closed.addEventListener("abort", () => clearInterval(timer));
}

async function openFile(people, id, attachmentId) {
  window.open(await people.file(id, attachmentId), "_blank", "noopener");
}

/** Words of the user are shown as they were typed. All others are Markdown, and no HTML in it has an effect. */
function line(type, text, files) {
  const element = document.createElement("div");
  element.dataset.said = type;
  const words = document.createElement("div");
  if (type === "assistant_message") new MarkdownView(words).draw(text);
  else words.textContent = text;
  element.append(words, ...files);
  return element;
}
