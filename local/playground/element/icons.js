import { html } from "./html.js";

const SPRITE = new URL("../vendor/lucide/sprite.svg", import.meta.url).href;

/** ChatKit's own icon names, by the Lucide icon that is closest; a name that is missing is Lucide's own. */
const LUCIDE = {
  agent: "bot",
  analytics: "chart-column",
  batch: "layers",
  bolt: "zap",
  "book-closed": "book",
  "book-clock": "book-open-check",
  chart: "chart-line",
  "check-circle": "circle-check",
  "check-circle-filled": "circle-check",
  "circle-question": "circle-question-mark",
  close: "x",
  compose: "square-pen",
  confetti: "party-popper",
  cube: "box",
  "dark-mode": "moon",
  desktop: "monitor",
  document: "file-text",
  "dots-horizontal": "ellipsis",
  "dots-vertical": "ellipsis-vertical",
  "empty-circle": "circle",
  grid: "grid-2x2",
  hamburger: "menu",
  home: "house",
  "home-alt": "house",
  keys: "key",
  lab: "flask-conical",
  lifesaver: "life-buoy",
  "light-mode": "sun",
  maps: "map",
  mobile: "smartphone",
  name: "signature",
  "notebook-pencil": "notebook-pen",
  "page-blank": "file",
  profile: "user-round",
  "profile-card": "id-card",
  reload: "rotate-cw",
  "settings-cog": "settings",
  "settings-slider": "sliders-horizontal",
  share: "share-2",
  "sidebar-left": "panel-left",
  "sidebar-right": "panel-right",
  sparkle: "sparkle",
  "sparkle-double": "sparkles",
  "square-image": "image",
  "square-text": "letter-text",
  "star-filled": "star",
  suitcase: "briefcase-business",
  wreath: "award",
  write: "pencil",
  "write-alt": "square-pen",
  "write-alt2": "pen-line",
};

const FILLED = new Set(["star-filled", "dot"]);

/** One icon, by ChatKit's name, `lucide:name`, or Lucide's bare name. Decoration: its meaning is said in words beside it. */
export function Icon({ name, size = 16, class: className, style }) {
  if (!name || name.startsWith("vendor:")) return null;
  const bare = name.replace(/^lucide:/, "");
  return html`<svg
    class=${`icon ${FILLED.has(bare) ? "filled" : ""} ${className ?? ""}`}
    width=${size}
    height=${size}
    style=${style}
    viewBox="0 0 24 24"
    aria-hidden="true"
    data-icon=${bare}
  >
    <use href=${`${SPRITE}#${LUCIDE[bare] ?? bare}`} />
  </svg>`;
}
