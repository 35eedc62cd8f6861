import { currentLocale, say } from "../element/texts.js";
import { action, field, pageDialog, paragraph, section } from "./dialog.js";

/** How often the dialog asks for the progress of a document that is being read, in ms. */
const POLL_MILLISECONDS = 1000;

/** What the server reads, for the browser's file dialog. The server checks each file. */
const ACCEPTED = ".pdf,.docx,.pptx,.xlsx,.txt,.md,.csv,.json";

/**
 * A dialog with the user's own documents.
 * @param {HTMLButtonElement} button opens the dialog
 * @param {() => object} router the page's router
 */
export function offerOwnDocuments(button, router) {
  const open = pageDialog(say("My documents"), async (dialog, attempt, closed) => {
    dialog.append(paragraph(say("The assistant searches your documents. Nobody else sees them.")));
    await showDocuments(dialog, attempt, closed, router().documents);
  });
  button.addEventListener("click", open);
}

/**
 * A dialog with the documents of the organisation and of its groups, for those who may change them.
 * @param {HTMLButtonElement} button opens the dialog
 * @param {() => object} router the page's router
 */
export function offerTenantDocuments(button, router) {
  const open = pageDialog(say("Documents for everybody"), async (dialog, attempt, closed) => {
    const [named, group] = field("input", say("Group (empty: the whole organisation)"), { maxLength: 64 });
    const part = document.createElement("div");
    let shown = new AbortController();
    closed.addEventListener("abort", () => shown.abort());
    const show = () => {
      shown.abort();
      shown = new AbortController();
      part.replaceChildren();
      return showDocuments(part, attempt, shown.signal, router().tenantDocuments(group.value.trim() || undefined));
    };
    group.addEventListener("change", () => void attempt(show));
    dialog.append(paragraph(say("The assistant searches these documents for the users of your organisation.")), named, part);
    await show();
  });
  button.addEventListener("click", open);
}

/** Draw a field that adds documents, and the list of those that are there. */
async function showDocuments(part, attempt, closed, documents) {
  const [named, input] = field("input", say("Add a document"), { type: "file", accept: ACCEPTED, multiple: true });
  const list = document.createElement("ul");
  list.className = "rows";
  const none = paragraph(say("There are no documents yet."));
  const told = () => (none.hidden = list.childElementCount > 0);
  const show = (found) => {
    list.append(new Row(found, documents, attempt, closed, told).element);
    told();
  };
  const more = async (after) => {
    const { data, next } = await documents.list(after);
    if (closed.aborted) return;
    data.forEach(show);
    if (next === null) return;
    const button = action(say("More"), () => attempt(() => (button.remove(), more(next))));
    part.append(button);
  };
  input.addEventListener("change", async () => {
    const files = [...input.files];
    input.value = "";
    for (const file of files) {
      const sending = new Sending(file.name);
      list.append(sending.element);
      told();
      await attempt(async () => show(await documents.add(file, (share) => sending.show(share))));
      sending.element.remove();
      told();
    }
  });
  part.append(section(named), none, list);
  none.hidden = true;
  await more();
  told();
}

/** A file on its way. */
class Sending {
  #bar = Object.assign(document.createElement("progress"), { max: 1, value: 0 });

  constructor(name) {
    this.element = document.createElement("li");
    this.#bar.setAttribute("aria-label", say("Sending {name}", { name }));
    this.element.append(title(name), this.#bar);
  }

  show(share) {
    this.#bar.value = share;
  }
}

/** A document with its progress. While it is being read, the row asks how far that is. */
class Row {
  #documents;
  #attempt;
  #closed;
  #told;
  #state = paragraph("");
  #bar = document.createElement("progress");
  #again;

  constructor(found, documents, attempt, closed, told) {
    this.id = found.id;
    this.#documents = documents;
    this.#attempt = attempt;
    this.#closed = closed;
    this.#told = told;
    this.element = document.createElement("li");
    this.name = title(found.name);
    this.#state.setAttribute("role", "status");
    this.#bar.setAttribute("aria-label", say("Reading {name}", { name: found.name }));
    const file = Object.assign(document.createElement("input"), { type: "file", accept: ACCEPTED, hidden: true });
    file.addEventListener("change", () => this.#do(() => documents.replace(this.id, file.files[0], (share) => this.#send(share))));
    this.#again = action(say("Read again"), () => this.#do(() => documents.complete(this.id)));
    this.element.append(
      this.name,
      this.#state,
      this.#bar,
      this.#again,
      named(action(say("Replace"), () => file.click()), found.name),
      named(action(say("Remove"), () => attempt(() => this.#remove())), found.name),
      file,
    );
    this.#show(found);
  }

  #do(act) {
    return this.#attempt(async () => {
      try {
        this.#show(await act());
      } catch (error) {
        this.#show(await this.#documents.read(this.id));
        throw error;
      }
    });
  }

  async #remove() {
    await this.#documents.remove(this.id);
    this.element.remove();
    this.#told();
  }

  #send(share) {
    this.#bar.hidden = false;
    this.#bar.max = 1;
    this.#bar.value = share;
  }

  #show({ name, state, searchable, done, total, reason, size, group, expires_at: expires }) {
    this.element.dataset.state = state;
    this.name.textContent = name;
    const busy = state === "queued" || state === "working";
    const facts = [STATES[state](), bytes(size)];
    if (state === "failed") facts[0] = `${facts[0]}: ${(REASONS[reason] ?? REASONS.gave_up)()}`;
    if (group) facts.push(say("group {group}", { group }));
    if (state !== "ready" && searchable) facts.push(say("the old version can be searched"));
    if (expires) facts.push(say("until {date}", { date: new Date(expires).toLocaleDateString(currentLocale()) }));
    const words = facts.join(" · ");
    // A screen reader speaks each change of this text.
    if (this.#state.textContent !== words) this.#state.textContent = words;
    this.#bar.hidden = !busy;
    if (total) Object.assign(this.#bar, { max: total, value: done });
    else this.#bar.removeAttribute("value");
    this.#again.hidden = state !== "failed";
    if (busy) setTimeout(() => void this.#poll(), POLL_MILLISECONDS);
  }

  async #poll() {
    if (this.#closed.aborted || !this.element.isConnected) return;
    await this.#attempt(async () => this.#show(await this.#documents.read(this.id)));
  }
}

function title(text) {
  const element = paragraph(text);
  element.className = "row-name";
  return element;
}

/** Give a button a name that says which row it is in. */
function named(button, name) {
  button.setAttribute("aria-label", `${button.textContent} ${name}`);
  return button;
}

function bytes(size) {
  const [unit, each] = size < 1_000_000 ? ["kilobyte", 1_000] : ["megabyte", 1_000_000];
  const value = Math.max(0.1, size / each);
  return value.toLocaleString(currentLocale(), { style: "unit", unit, maximumFractionDigits: value < 10 ? 1 : 0 });
}

const STATES = {
  uploading: () => say("not sent"),
  queued: () => say("waiting"),
  working: () => say("being read"),
  ready: () => say("can be searched"),
  failed: () => say("could not be read"),
};

const REASONS = {
  unreadable: () => say("the file is damaged or has a password"),
  no_text: () => say("it has no text, such as a scan"),
  too_many_pages: () => say("it has too many pages"),
  too_long: () => say("it has too much text"),
  too_slow: () => say("it takes too long"),
  quota: () => say("your limit is used up"),
  missing: () => say("the file is missing"),
  gave_up: () => say("please add it again"),
};
