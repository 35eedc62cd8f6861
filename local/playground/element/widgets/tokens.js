/** Widget values (`widgets.py` of openai-chatkit) as CSS: colours, spacing, sizes, radii. */

const TEXT_COLORS = new Set(["prose", "primary", "emphasis", "secondary", "tertiary", "success", "warning", "danger"]);
const BORDER_COLORS = new Set(["default", "subtle", "strong"]);
const SURFACES = new Set([
  "surface",
  "surface-secondary",
  "surface-tertiary",
  "surface-elevated",
  "surface-elevated-secondary",
]);

/** Hue (degrees) and chroma of the primitive colours, in OKLCH. */
const HUES = {
  gray: [260, 0.01],
  red: [25, 0.2],
  orange: [50, 0.17],
  yellow: [90, 0.16],
  green: [150, 0.16],
  blue: [255, 0.18],
  purple: [300, 0.19],
  pink: [350, 0.19],
};

/** Lightness at step 50 and at step 1000 of a primitive colour. */
const LIGHTEST = 0.975;
const DARKEST = 0.22;

/** The order in which a chart's series take their colours. */
const CHART_COLORS = ["blue", "purple", "orange", "green", "red", "yellow", "pink"];

/** One unit of spacing, in px. */
const UNIT = 4;

/**
 * A colour of a widget as CSS.
 * @param {string | {light: string, dark: string} | undefined} value a token, `blue-500`, CSS, or one for each theme
 * @param {"text" | "border" | "surface"} use
 */
export function color(value, use = "text") {
  if (!value) return undefined;
  if (typeof value === "object") return `light-dark(${color(value.light, use)}, ${color(value.dark, use)})`;
  if (use === "text" && TEXT_COLORS.has(value)) return `var(--text-${value})`;
  if (use === "border" && BORDER_COLORS.has(value)) return `var(--border-${value})`;
  if (use === "surface" && SURFACES.has(value)) return `var(--${value})`;
  return primitive(value) ?? value;
}

function primitive(value) {
  const [, name, step] = /^([a-z]+)-(\d{1,4})$/.exec(value) ?? [];
  if (!HUES[name]) return undefined;
  const [hue, chroma] = HUES[name];
  const darkness = Math.min(Number(step), 1000) / 1000;
  const lightness = LIGHTEST - (LIGHTEST - DARKEST) * darkness;
  // Chroma falls off towards white and black, as it does in every palette made by hand.
  const strength = Math.sin(Math.PI * Math.min(0.95, darkness + 0.08));
  return `oklch(${lightness.toFixed(3)} ${(chroma * strength).toFixed(3)} ${hue})`;
}

/** The colour of a chart's series: its own, or the next of the palette. */
export function seriesColor(value, index) {
  const name = value ?? CHART_COLORS[index % CHART_COLORS.length];
  return CHART_COLORS.includes(name) ? `light-dark(${primitive(`${name}-500`)}, ${primitive(`${name}-350`)})` : color(name);
}

/** A length: numbers are px, strings CSS. */
export const length = (value) => (typeof value === "number" ? `${value}px` : value);

/** A gap, padding or margin: numbers count units of 4 px, strings are CSS. */
export const space = (value) => {
  if (typeof value === "number") return `${value * UNIT}px`;
  return /^\d+(\.\d+)?$/.test(value ?? "") ? `${Number(value) * UNIT}px` : value;
};

/** Padding or margin on all sides, or by side, as four CSS properties. */
export function sides(property, value) {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object") return { [property]: space(value) };
  const { top, right, bottom, left, x, y } = value;
  return {
    [`${property}Top`]: space(top ?? y),
    [`${property}Right`]: space(right ?? x),
    [`${property}Bottom`]: space(bottom ?? y),
    [`${property}Left`]: space(left ?? x),
  };
}

/** A border on all sides, or by side. */
export function borders(value) {
  if (value === undefined || value === null) return {};
  if (typeof value === "number" || "size" in value) return { border: border(value) };
  const { top, right, bottom, left, x, y } = value;
  return {
    borderTop: border(top ?? y),
    borderRight: border(right ?? x),
    borderBottom: border(bottom ?? y),
    borderLeft: border(left ?? x),
  };
}

function border(value) {
  if (value === undefined) return undefined;
  const { size, style = "solid", color: name } = typeof value === "number" ? { size: value } : value;
  return `${size}px ${style} ${color(name ?? "default", "border")}`;
}

const RADII = { "2xs": 2, xs: 4, sm: 6, md: 8, lg: 10, xl: 12, "2xl": 16, "3xl": 20, "4xl": 24, none: 0 };

export function radius(value) {
  if (!value) return undefined;
  if (value === "full") return "9999px";
  return value === "100%" ? "100%" : `${RADII[value]}px`;
}

const FLEX = { start: "flex-start", end: "flex-end", between: "space-between", around: "space-around", evenly: "space-evenly" };
export const flexValue = (value) => FLEX[value] ?? value;

/** Width, height and their bounds. */
export function block(node) {
  return {
    width: length(node.width ?? node.size),
    height: length(node.height ?? node.size),
    minWidth: length(node.minWidth ?? node.minSize),
    minHeight: length(node.minHeight ?? node.minSize),
    maxWidth: length(node.maxWidth ?? node.maxSize),
    maxHeight: length(node.maxHeight ?? node.maxSize),
    aspectRatio: node.aspectRatio,
    flex: node.flex,
  };
}

/** Everything that the layout containers have in common. */
export function box(node, direction) {
  return {
    display: "flex",
    flexDirection: direction === "row" ? "row" : "column",
    alignItems: flexValue(node.align),
    justifyContent: flexValue(node.justify),
    flexWrap: node.wrap,
    gap: space(node.gap),
    borderRadius: radius(node.radius),
    background: color(node.background, "surface"),
    ...block(node),
    ...sides("padding", node.padding),
    ...sides("margin", node.margin),
    ...borders(node.border),
  };
}

/** Leave out what has no value: an inline style of `undefined` would still be written. */
export function style(properties) {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined && value !== null));
}
