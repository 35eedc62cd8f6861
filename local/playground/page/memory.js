import { say } from "../element/texts.js";
import { action, pageDialog, paragraph, section } from "./dialog.js";

/**
 * A dialog with what the assistant keeps about the user: each fact can be changed and removed, all can be switched off.
 * @param {HTMLButtonElement} button opens the dialog
 * @param {() => object} router the page's router
 */
export function offerMemory(button, router) {
  const open = pageDialog(say("Memory"), async (dialog, attempt) => {
    const { memory } = router();
    const { on, facts, most } = await memory.read();
    const state = on ? say("The assistant remembers what you ask it to.") : say("The memory is off. No answer uses it.");
    const toggle = action(on ? say("Switch off") : say("Switch on"), () =>
      attempt(() => memory.switch(!on).then(open)),
    );
    dialog.append(section(paragraph(`${state} ${say("{count} of {most} facts", { count: facts.length, most })}`), toggle));
    for (const fact of facts) dialog.append(row(memory, fact, attempt));
  });
  button.addEventListener("click", open);
}

function row(memory, { id, fact, source, outside }, attempt) {
  const field = document.createElement("input");
  field.value = fact;
  field.maxLength = 200;
  field.setAttribute("aria-label", say("Fact"));
  const told = SOURCES[source]?.() ?? source;
  const read = outside.map((name) => OUTSIDE[name]?.() ?? name).join(", ");
  const origin = read ? say("{origin}, after reading: {outside}", { origin: told, outside: read }) : told;
  const change = action(say("Save"), () => attempt(async () => (field.value = (await memory.change(id, field.value)).fact)));
  const remove = action(say("Forget"), () => attempt(() => memory.remove(id).then(() => shown.remove())));
  const shown = section(field, change, remove, paragraph(say("Source: {origin}", { origin })));
  return shown;
}

const SOURCES = {
  asked: () => say("you asked for it"),
  approved: () => say("you approved it"),
  own_words: () => say("your own words"),
  edited: () => say("you changed it"),
};

const OUTSIDE = {
  web: () => say("the web"),
  mcp: () => say("another service"),
  files: () => say("files"),
  page: () => say("the page"),
  knowledge: () => say("documents"),
};
