import DOMPurify from "dompurify";
import { Marked } from "marked";
import { say } from "./texts.js";

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

const escape = (text) => text.replace(/[&<>"']/g, (character) => ESCAPES[character]);

/** A formula between `$$`, on lines of its own or within one, or between `\\(` and `\\)`: the forms that models write. */
const FORMULA = /^(?:\$\$([^$]+)\$\$|\\\[([\s\S]+?)\\\]|\\\(([\s\S]+?)\\\))/;

const formula = {
  name: "formula",
  level: "inline",
  start: (source) => source.match(/\$\$|\\[[(]/)?.index,
  tokenizer(source) {
    const found = FORMULA.exec(source);
    if (!found) return undefined;
    return { type: "formula", raw: found[0], text: found[1] ?? found[2] ?? found[3], display: found[3] === undefined };
  },
  // Drawn by `drawFormulas`, which loads its library when the first formula comes.
  renderer: ({ text, display }) => `<kbd title="${display ? "display-formula" : "formula"}">${escape(text.trim())}</kbd>`,
};

/** Models write Markdown; HTML among it is shown as the text it is, but for a line break in a table's cell. */
const renderer = {
  code({ text, lang }) {
    const escaped = escape(text);
    // The language travels in the title, which is an attribute that the sanitizer lets through.
    return `<pre title="${escape(lang?.match(/^\S*/)?.[0] ?? "")}"><code>${escaped}\n</code></pre>`;
  },
  html({ text }) {
    return /^<br\s*\/?>$/i.test(text.trim()) ? "<br>" : escape(text);
  },
};

const marked = new Marked({ gfm: true, breaks: true, renderer, extensions: [formula] });
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
 * Draws a message's Markdown into an element, safely. Only the blocks that have changed are drawn again, so that the next
 * word of a long answer does not cost more than the first.
 */
export class MarkdownView {
  #container;
  #reader = new BlockReader();
  #blocks = [];
  #context = "";

  constructor(container) {
    this.#container = container;
  }

  /**
   * @param {string} text Markdown, possibly not yet complete
   * @param {{imageDomains?: string[] | null, annotations?: {index: number, number: number}[]}} [options]
   *   `imageDomains`: the hosts pictures may come from; other pictures become links, so that a message
   *   cannot make the browser call a host by itself. `annotations`: where to put which source's number.
   */
  draw(text, { imageDomains = null, annotations = [] } = {}) {
    const tokens = this.#reader.read(placeMarks(text, annotations)).filter((token) => token.type !== "space");
    // The address of a reference may stand at the end of the text, and change what stands before it.
    const context = JSON.stringify([imageDomains, tokens.filter((token) => token.type === "def").map(({ raw }) => raw)]);
    let same = 0;
    if (context === this.#context) {
      while (same < tokens.length && same < this.#blocks.length && tokens[same].raw === this.#blocks[same].raw) same++;
    }
    this.#context = context;
    for (const { nodes } of this.#blocks.splice(same)) for (const node of nodes) node.remove();
    for (const token of tokens.slice(same)) {
      const fragment = sanitized(marked.parser([token]), imageDomains);
      if (annotations.length) drawMarks(fragment);
      const nodes = [...fragment.childNodes];
      // Each block is read in its own direction: an answer may quote another language.
      for (const node of nodes) if (node.nodeType === Node.ELEMENT_NODE && !node.matches(".code-block")) node.dir = "auto";
      this.#blocks.push({ raw: token.raw, nodes });
      this.#container.append(fragment);
    }
  }
}

/** How many blocks at the end of a text can change when words are added: the last one, and the one that it may join. */
const OPEN_BLOCKS = 2;

/** Reads Markdown's blocks. Of a text that has grown, only the end is read again. */
class BlockReader {
  #text = "";
  #tokens = [];

  read(text) {
    this.#tokens = this.#grown(text) ?? marked.lexer(text);
    this.#text = text;
    return this.#tokens;
  }

  /** The blocks of a text that continues the last one; null if it does not, or if a reference's address may change any block. */
  #grown(text) {
    if (!text.startsWith(this.#text)) return null;
    const kept = this.#tokens.slice(0, this.#closed());
    const length = kept.reduce((sum, { raw }) => sum + raw.length, 0);
    // The reader changes some line ends, and then its blocks are not pieces of the text.
    const whole = kept.at(-1) && text.startsWith(kept.at(-1).raw, length - kept.at(-1).raw.length);
    if (!whole || text.includes("\r")) return null;
    const tokens = [...kept, ...marked.lexer(text.slice(length))];
    return tokens.some(({ type }) => type === "def") ? null : tokens;
  }

  /** How many tokens at the start stay as they are. */
  #closed() {
    let open = 0;
    return Math.max(0, this.#tokens.findLastIndex(({ type }) => type !== "space" && ++open === OPEN_BLOCKS));
  }
}

function sanitized(html, imageDomains) {
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
  for (const block of fragment.querySelectorAll("pre")) frameCode(block);
  for (const table of fragment.querySelectorAll("table")) wrapTable(table);
  for (const mark of fragment.querySelectorAll("kbd[title$=formula]")) markFormula(mark);
  return fragment;
}

/** Colour code and draw formulas, as far as that has not been done. The two libraries are loaded when they are needed. */
export async function finish(container) {
  const code = [...container.querySelectorAll("pre[data-language]:not([data-done]) code")];
  const formulas = [...container.querySelectorAll("kbd[data-formula]:not([data-done])")];
  try {
    if (code.length) colour(code, (await import("../vendor/highlight/highlight.min.js")).default);
    if (formulas.length) typeset(formulas, (await import("../vendor/temml/temml.mjs")).default);
  } catch (error) {
    // Without the network the text stays as it was written.
    console.warn("A part of the page could not be loaded", error);
  }
}

function colour(blocks, highlight) {
  for (const code of blocks) {
    const { language } = code.parentElement.dataset;
    code.parentElement.dataset.done = "";
    if (!highlight.getLanguage(language)) continue;
    const { value } = highlight.highlight(code.textContent, { language, ignoreIllegals: true });
    code.replaceChildren(
      purify.sanitize(value, { ALLOWED_TAGS: ["span"], ALLOWED_ATTR: ["class"], RETURN_DOM_FRAGMENT: true }),
    );
  }
}

function typeset(formulas, temml) {
  for (const element of formulas) {
    element.dataset.done = "";
    try {
      const math = temml.renderToString(element.textContent, { displayMode: element.dataset.formula === "display-formula" });
      // Without inline styles: the page's policy refuses them.
      const plain = math.replaceAll(/ style="[^"]*"/g, "");
      const fragment = purify.sanitize(plain, { USE_PROFILES: { mathMl: true }, RETURN_DOM_FRAGMENT: true });
      element.replaceChildren(fragment);
    } catch {
      // What is no formula stays as it was written.
    }
  }
}

/** Put marks into the text; positions are code points, as Python counts them. */
function placeMarks(text, annotations) {
  if (annotations.length === 0) return text;
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
  mark.setAttribute("aria-label", say("Source {number}", { number }));
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
  if (input.type !== "checkbox") return input.remove();
  input.disabled = true;
  input.setAttribute("aria-label", input.closest("li")?.textContent.trim() || say("Task"));
}

/** Put a bar over a block of code: its language, and a button to copy it. */
function frameCode(block) {
  const language = block.title;
  block.removeAttribute("title");
  if (language) block.dataset.language = language.toLowerCase();
  // A block that is too wide is scrolled by keyboard, too.
  block.tabIndex = 0;
  const frame = document.createElement("div");
  frame.className = "code-block";
  const bar = document.createElement("div");
  bar.className = "code-bar";
  const name = document.createElement("span");
  name.textContent = language;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy-code";
  button.dataset.copy = "";
  button.textContent = say("Copy");
  bar.append(name, button);
  block.replaceWith(frame);
  frame.append(bar, block);
}

function markFormula(element) {
  element.dataset.formula = element.title;
  element.removeAttribute("title");
}

function wrapTable(table) {
  const box = document.createElement("div");
  box.className = "table-scroll";
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", say("Table"));
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
