import { MarkdownView } from "../element/markdown.js";
import { currentLocale, say } from "../element/texts.js";
import { action, field, pageDialog, paragraph, section, submit } from "./dialog.js";

/** The part of the page's address that names a link's token. A server never sees it. */
const PARAMETER = "share";
/** How long a link may work, in days. The server's limit is 90. */
const DAYS = [1, 7, 30, 90];
const DEFAULT_DAYS = 7;

/**
 * A dialog that makes and revokes links to snapshots of conversations.
 * @param {HTMLButtonElement} button opens the dialog
 * @param {() => object} router the page's router
 * @param {() => boolean} mayBePublic whether a link may work for everybody
 */
export function offerShares(button, router, mayBePublic) {
  const open = pageDialog(say("Share"), async (dialog, attempt) => {
    const made = document.createElement("div");
    made.setAttribute("role", "status");
    const list = document.createElement("ul");
    list.className = "rows";
    const read = async () => {
      const links = await router().shares.list();
      list.replaceChildren(...links.map((link) => row(link, () => attempt(() => router().shares.revoke(link.id).then(read)))));
    };
    const share = async (options) => {
      const { token } = await router().shares.create(options);
      made.replaceChildren(...madeLink(`${location.origin}${location.pathname}#${PARAMETER}=${token}`));
      await read();
    };
    dialog.append(
      paragraph(say("A link shows this conversation as it is now. Nobody can write in it.")),
      form(mayBePublic(), (options) => void attempt(() => share(options))),
      made,
      list,
    );
    await read();
  });
  button.addEventListener("click", open);
}

/** What a link shows, for how long and to whom. */
function form(mayBePublic, share) {
  const element = document.createElement("form");
  const [daysNamed, days] = field("select", say("Works for"));
  days.append(...DAYS.map((each) => new Option(duration(each), each, each === DEFAULT_DAYS, each === DEFAULT_DAYS)));
  const [filesNamed, files] = field("input", say("With files and pictures"), { type: "checkbox" });
  const [readersNamed, readers] = field("select", say("Who can read it"));
  readers.append(new Option(say("Users of your organisation"), ""), new Option(say("Everybody who has the link"), "public"));
  readersNamed.hidden = !mayBePublic;
  element.append(daysNamed, readersNamed, filesNamed, submit(say("Make a link")));
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    share({ days: Number(days.value), files: files.checked, public: readers.value === "public" });
  });
  return element;
}

const duration = (days) => days.toLocaleString(currentLocale(), { style: "unit", unit: "day", unitDisplay: "long" });

/** The new link, which nobody can show later, and a button that copies it. */
function madeLink(href) {
  const link = Object.assign(document.createElement("a"), { href, textContent: href, target: "_blank", rel: "noopener" });
  const copy = action(say("Copy"), async () => {
    await navigator.clipboard.writeText(href);
    copy.textContent = say("Copied");
  });
  return [section(paragraph(say("Copy the link now: it is not shown again.")), link, copy)];
}

function row({ title, expires_at: expires }, revoke) {
  const element = document.createElement("li");
  const name = title ?? say("Conversation");
  const button = action(say("Revoke"), revoke);
  button.setAttribute("aria-label", `${button.textContent} ${name}`);
  const until = say("Works until {date}", { date: new Date(expires).toLocaleString(currentLocale()) });
  element.append(Object.assign(paragraph(name), { className: "row-name" }), paragraph(until), button);
  return element;
}

/** Show the snapshot that the page's address names, if it names one. */
export async function showShared(router) {
  const token = new URLSearchParams(location.hash.slice(1)).get(PARAMETER);
  if (token === null) return;
  const open = pageDialog(say("Shared conversation"), async (dialog) => {
    const { title, items } = await router().shares.read(token);
    const talk = document.createElement("div");
    talk.className = "talk";
    talk.tabIndex = 0;
    talk.setAttribute("role", "region");
    talk.setAttribute("aria-label", say("Conversation"));
    talk.append(...items.map(sharedItem));
    dialog.append(paragraph(title ?? say("Conversation")), talk);
  });
  await open();
}

function sharedItem(item) {
  const element = document.createElement("div");
  element.dataset.said = item.type;
  const words = document.createElement("div");
  if (item.type === "assistant_message") new MarkdownView(words).draw(item.text);
  else words.textContent = item.text ?? textsOf(item.widget).join("\n");
  element.append(words);
  if (item.by_person) element.append(Object.assign(document.createElement("small"), { textContent: say("Written by a person of the staff") }));
  for (const { name, title, url } of [...(item.files ?? []), ...(item.sources ?? [])]) {
    const link = Object.assign(document.createElement("a"), { href: url, textContent: name ?? title, target: "_blank", rel: "noopener" });
    element.append(link);
  }
  if (item.url) element.append(Object.assign(document.createElement("img"), { src: item.url, alt: say("Generated picture") }));
  return element;
}

/** The texts of a widget, in their order. */
function textsOf(node) {
  if (Array.isArray(node)) return node.flatMap(textsOf);
  if (node === null || typeof node !== "object") return [];
  const own = [node.title, node.label, node.value].filter((each) => typeof each === "string");
  return [...own, ...["header", "children", "status"].flatMap((name) => textsOf(node[name]))];
}
