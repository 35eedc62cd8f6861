import DOMPurify from "dompurify";
import { Marked } from "marked";

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Models write Markdown; HTML among it is shown as the text it is, but for a line break in a table's cell. */
const renderer = {
  html({ text }) {
    return /^<br\s*\/?>$/i.test(text.trim()) ? "<br>" : text.replace(/[&<>"']/g, (character) => ESCAPES[character]);
  },
};

const marked = new Marked({ gfm: true, breaks: true, renderer });
const purify = DOMPurify(window);

/** The tags that Markdown makes; forms, frames, styles and the like have no business in a message. */
const ALLOWED_TAGS =
  "a b blockquote br code del details div em h1 h2 h3 h4 h5 h6 hr i img input kbd li mark ol p pre s span strong sub summary sup table tbody td th thead tr ul".split(
    " ",
  );
const ALLOWED_ATTRIBUTES = ["href", "title", "src", "alt", "align", "start", "type", "checked", "disabled", "colspan", "rowspan"];
const ALLOWED_URIS = /^(?:https?:|mailto:|tel:|chatkit-link:|data:image\/(?:png|jpe?g|gif|webp);|\/(?!\/)|#)/i;

/** A private-use pair of characters that carries an annotation's number through Markdown into text. */
const MARK = /\uE000(\d+)\uE001/g;

/**
 * Turn a message's Markdown into a safe fragment of the page.
 * @param {string} text Markdown, possibly not yet complete
 * @param {{imageDomains?: string[] | null, annotations?: {index: number, number: number}[]}} [options]
 *   `imageDomains`: the hosts pictures may come from; other pictures become links, so that a message
 *   cannot make the browser call a host by itself. `annotations`: where to put which source's number.
 * @returns {DocumentFragment}
 */
export function renderMarkdown(text, { imageDomains = null, annotations = [] } = {}) {
  const html = marked.parse(placeMarks(text, annotations));
  const fragment = purify.sanitize(html, {
    ALLOWED_TAGS,
    ALLOWED_ATTR: ALLOWED_ATTRIBUTES,
    ALLOWED_URI_REGEXP: ALLOWED_URIS,
    // Whatever is not named here is held against the pattern for addresses, too.
    ADD_URI_SAFE_ATTR: ALLOWED_ATTRIBUTES.filter((name) => name !== "href" && name !== "src"),
    ALLOW_DATA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
  for (const link of fragment.querySelectorAll("a")) secureLink(link);
  for (const image of fragment.querySelectorAll("img")) secureImage(image, imageDomains);
  for (const input of fragment.querySelectorAll("input")) secureInput(input);
  for (const block of fragment.querySelectorAll("pre")) addCopyButton(block);
  for (const table of fragment.querySelectorAll("table")) wrapTable(table);
  if (annotations.length) drawMarks(fragment);
  return fragment;
}

/** Put marks into the text; positions are code points, as Python counts them. */
function placeMarks(text, annotations) {
  const points = Array.from(text);
  const ordered = annotations.toSorted((a, b) => b.index - a.index || b.number - a.number);
  for (const { index, number } of ordered) {
    points.splice(Math.min(index, points.length), 0, `\uE000${number}\uE001`);
  }
  return points.join("");
}

function drawMarks(fragment) {
  for (const element of fragment.querySelectorAll("*")) {
    for (const attribute of [...element.attributes]) attribute.value = attribute.value.replace(MARK, "");
  }
  const walker = document.createTreeWalker(fragment, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  for (const node of texts) {
    const pieces = node.data.split(MARK);
    if (pieces.length === 1) continue;
    // split() with a group alternates text and number.
    node.replaceWith(...pieces.map((piece, i) => (i % 2 ? markElement(piece) : piece)));
  }
}

function markElement(number) {
  const mark = document.createElement("button");
  mark.type = "button";
  mark.className = "citation";
  mark.dataset.citation = number;
  mark.setAttribute("aria-label", `Source ${number}`);
  mark.textContent = number;
  return mark;
}

function secureLink(link) {
  link.rel = "noopener noreferrer";
  if (!/^(#|chatkit-link:)/i.test(link.getAttribute("href") ?? "#")) link.target = "_blank";
}

function secureImage(image, domains) {
  const url = URL.parse(image.getAttribute("src") ?? "", document.baseURI);
  const own = url && (url.protocol === "data:" || url.origin === location.origin);
  if (own || domains?.some((domain) => url?.hostname === domain || url?.hostname.endsWith(`.${domain}`))) {
    image.loading = "lazy";
    image.referrerPolicy = "no-referrer";
    return;
  }
  const link = document.createElement("a");
  link.href = image.getAttribute("src") ?? "";
  link.textContent = image.alt || link.href;
  secureLink(link);
  image.replaceWith(link);
}

function secureInput(input) {
  // Task lists are the only inputs Markdown has, and they only show a state.
  if (input.type === "checkbox") input.disabled = true;
  else input.remove();
}

function addCopyButton(block) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy-code";
  button.dataset.copy = "";
  button.textContent = "Copy";
  block.append(button);
}

function wrapTable(table) {
  const box = document.createElement("div");
  box.className = "table-scroll";
  table.replaceWith(box);
  box.append(table);
}

/** Read a `chatkit-link://name?key=value` link: the page decides what it does. */
export function deeplinkOf(href) {
  if (!href?.startsWith("chatkit-link:")) return null;
  const url = new URL(href);
  const name = url.hostname || url.pathname.replace(/^\/+/, "");
  return { name, data: Object.fromEntries(url.searchParams) };
}
