import { currentLocale, direction, say, setLocale } from "../element/texts.js";

/** The attributes that hold texts, by the document's `data-say-…`; `data-say` alone is the content. */
const ATTRIBUTES = { sayLabel: "aria-label", sayPlaceholder: "placeholder" };

/** Write the page's own texts in the browser's language. */
export function writeTexts() {
  setLocale();
  document.documentElement.lang = currentLocale();
  document.documentElement.dir = direction();
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  for (const [key, attribute] of Object.entries(ATTRIBUTES)) {
    const selector = `[data-${key.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`)}]`;
    for (const element of document.querySelectorAll(selector)) element.setAttribute(attribute, say(element.dataset[key]));
  }
}
