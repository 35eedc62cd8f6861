import { html } from "./html.js";

const SPRITE = new URL("../vendor/lucide/sprite.svg", import.meta.url).href;

/** ChatKit's own icon names, by the Lucide icon that is closest; a name that is missing here is the same in Lucide. */
const LUCIDE = {
  agent: "bot",
  analytics: "chart-column",
  "back-large": "arrow-left",
  "back-small": "chevron-left",
  batch: "layers",
  bolt: "zap",
  "book-clock": "book-open-check",
  "book-closed": "book",
  chart: "chart-line",
  "chat-temporary": "message-circle-dashed",
  "check-circle": "circle-check",
  "check-circle-filled": "circle-check",
  "circle-question": "circle-question-mark",
  close: "x",
  "collapse-large": "minimize-2",
  "collapse-left": "panel-left-close",
  "collapse-right": "panel-right-close",
  "collapse-small": "minimize",
  compose: "square-pen",
  confetti: "party-popper",
  cube: "box",
  "dark-mode": "moon",
  desktop: "monitor",
  document: "file-text",
  "dots-horizontal": "ellipsis",
  "dots-horizontal-circle": "circle-ellipsis",
  "dots-vertical": "ellipsis-vertical",
  "dots-vertical-circle": "circle-ellipsis",
  "double-chevron-left": "chevrons-left",
  "double-chevron-right": "chevrons-right",
  "empty-circle": "circle",
  "expand-large": "maximize-2",
  "expand-small": "maximize",
  grid: "grid-2x2",
  hamburger: "menu",
  history: "rotate-ccw-clock",
  home: "house",
  "home-alt": "house",
  keys: "key",
  lab: "flask-conical",
  lifesaver: "life-buoy",
  "light-mode": "sun",
  maps: "map",
  "menu-inverted": "menu",
  mobile: "smartphone",
  name: "signature",
  "notebook-pencil": "notebook-pen",
  "open-left": "panel-left-open",
  "open-right": "panel-right-open",
  "page-blank": "file",
  profile: "user-round",
  "profile-card": "id-card",
  reload: "rotate-cw",
  "settings-cog": "settings",
  "settings-slider": "sliders-horizontal",
  share: "share-2",
  "sidebar-collapse-left": "panel-left-close",
  "sidebar-collapse-right": "panel-right-close",
  "sidebar-floating-left": "panel-left-dashed",
  "sidebar-floating-open-left": "panel-left-open",
  "sidebar-floating-open-right": "panel-right-open",
  "sidebar-floating-right": "panel-right-dashed",
  "sidebar-left": "panel-left",
  "sidebar-open-left": "panel-left-open",
  "sidebar-open-left-alt": "panel-left-open",
  "sidebar-open-right": "panel-right-open",
  "sidebar-open-right-alt": "panel-right-open",
  "sidebar-right": "panel-right",
  "sparkle-double": "sparkles",
  "square-image": "image",
  "square-text": "text-initial",
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
