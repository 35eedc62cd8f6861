import { say } from "../element/texts.js";
import { action, heading, pageDialog, paragraph, section } from "./dialog.js";

/** How often the dialog reads an open conversation again, in ms. */
const POLL_MILLISECONDS = 3000;

/**
 * The staff's dialog: the conversations that ask for a person. One is taken over, answered and handed back.
 * @param {HTMLButtonElement} button opens the dialog
 * @param {() => object} router the page's router, with the token of a caller who has the role
 */
export function offerPeople(button, router) {
  const open = pageDialog(say("People"), async (dialog, attempt) => {
    const people = router().people;
    const waiting = await people.waiting();
    if (waiting.length === 0) dialog.append(paragraph(say("No conversation asks for a person.")));
    for (const { id, title, reason, handled_by: name } of waiting) {
      const told = name ? say("{name} answers", { name }) : say("Waits for a person");
      const enter = action(say("Open"), () => attempt(() => show(dialog, attempt, people, id)));
      dialog.append(section(paragraph(`${title ?? say("Conversation")}: ${reason} (${told})`), enter));
    }
  });
  button.addEventListener("click", open);
}

async function show(dialog, attempt, people, id) {
  const lines = document.createElement("div");
  const read = async () => {
    const items = (await people.read(id)).reverse();
    const texts = items.map((item) => [item.type, (item.content ?? []).map((part) => part.text ?? "").join("")]);
    const sent = items.flatMap((item) => item.attachments ?? []);
    const opened = sent.map((file) => action(file.name, () => attempt(() => openFile(people, id, file.id))));
    lines.replaceChildren(...texts.filter(([, text]) => text).map(([type, text]) => line(type, text)), ...opened);
  };
  const name = field("input", say("Your name"));
  const words = field("textarea", say("Your words"));
  const act = (label, call) => action(label, () => attempt(() => call().then(read)));
  const controls = section(
    name,
    act(say("Take over"), () => people.take(id, name.value)),
    words,
    act(say("Say"), () => people.say(id, words.value).then(() => (words.value = ""))),
    action(say("Hand back"), () => attempt(() => people.handBack(id).then(() => dialog.close()))),
  );
  dialog.replaceChildren(heading(say("People"), dialog), lines, controls);
  await read();
  const timer = setInterval(() => void read().catch(() => clearInterval(timer)), POLL_MILLISECONDS);
  dialog.addEventListener("close", () => clearInterval(timer), { once: true });
}

async function openFile(people, id, attachmentId) {
  window.open(await people.file(id, attachmentId), "_blank", "noopener");
}

function line(type, text) {
  const element = paragraph(text);
  element.dataset.said = type;
  return element;
}

function field(kind, label) {
  const element = document.createElement(kind);
  element.setAttribute("aria-label", label);
  element.placeholder = label;
  return element;
}
