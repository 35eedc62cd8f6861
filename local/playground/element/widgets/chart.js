import { html } from "../html.js";
import { areaPath, linePath } from "./curves.js";
import { block, seriesColor, style } from "./tokens.js";

/** The drawing's own size; the picture scales to the room it gets. */
const WIDTH = 560;
const HEIGHT = 240;
const PAD = { top: 10, right: 10, bottom: 26, left: 44 };
const TICKS = 4;

/** Bars, areas and lines over one row of categories, as SVG. */
export function Chart({ node }) {
  const { data, series, showLegend = true, showTooltip = true, showYAxis = false } = node;
  const axis = typeof node.xAxis === "string" ? { dataKey: node.xAxis } : node.xAxis;
  const stacks = stackValues(data, series);
  const scale = makeScale(data.length, stacks, showYAxis);
  const labels = data.map((row) => axis.labels?.[row[axis.dataKey]] ?? String(row[axis.dataKey] ?? ""));
  const draw = { data, series, stacks, scale, labels, node, showTooltip };
  return html`<figure class="w-chart" style=${style({ ...block(node), aspectRatio: node.aspectRatio })}>
    <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${describe(series, labels)}>
      <${Grid} scale=${scale} numbers=${showYAxis} />
      ${bars(draw)} ${lines(draw)}
      ${!axis.hide &&
      labels.map((label, i) => html`<text class="tick" key=${i} x=${scale.x(i)} y=${HEIGHT - 8} text-anchor="middle">${label}</text>`)}
    </svg>
    ${showLegend &&
    html`<figcaption>
      ${series.map(
        ({ label, dataKey, color }, i) =>
          html`<span key=${i}><i style=${{ background: seriesColor(color, i) }}></i>${label ?? dataKey}</span>`,
      )}
    </figcaption>`}
  </figure>`;
}

/** From and to of every value, the ones of a stack on top of each other. */
function stackValues(data, series) {
  const tops = new Map();
  return series.map(({ dataKey, stack }) =>
    data.map((row, i) => {
      const value = Number(row[dataKey] ?? 0);
      if (!stack) return [0, value];
      const key = `${stack}/${i}/${value < 0}`;
      const from = tops.get(key) ?? 0;
      tops.set(key, from + value);
      return [from, from + value];
    }),
  );
}

function makeScale(count, stacks, numbers) {
  const values = stacks.flat(2);
  const step = niceStep(Math.max(0, ...values) - Math.min(0, ...values));
  const low = Math.floor(Math.min(0, ...values) / step) * step;
  const high = Math.max(Math.ceil(Math.max(0, ...values) / step) * step, low + step);
  const left = numbers ? PAD.left : PAD.right;
  const band = (WIDTH - left - PAD.right) / Math.max(count, 1);
  const room = HEIGHT - PAD.top - PAD.bottom;
  const ticks = Array.from({ length: Math.round((high - low) / step) + 1 }, (_, i) => low + i * step);
  return {
    band,
    left,
    ticks,
    x: (i) => left + band * (i + 0.5),
    y: (value) => PAD.top + room * (1 - (value - low) / (high - low)),
  };
}

function niceStep(range) {
  const rough = (range || 1) / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
}

function Grid({ scale, numbers }) {
  return scale.ticks.map(
    (tick) => html`<g key=${tick}>
      <line class="grid" x1=${scale.left} x2=${WIDTH - PAD.right} y1=${scale.y(tick)} y2=${scale.y(tick)} />
      ${numbers && html`<text class="tick" x=${scale.left - 8} y=${scale.y(tick) + 4} text-anchor="end">${compact(tick)}</text>`}
    </g>`,
  );
}

const compact = (value) => new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 }).format(value);

/** Bars of one category stand side by side; the ones of one stack share a place. */
function bars({ data, series, stacks, scale, labels, node, showTooltip }) {
  const places = [...new Set(series.filter(({ type }) => type === "bar").map(({ stack, dataKey }) => stack ?? dataKey))];
  const gap = node.barGap ?? 4;
  const inner = Math.max(scale.band - (node.barCategoryGap ?? scale.band * 0.3), 2);
  const width = Math.max((inner - gap * (places.length - 1)) / places.length, 1);
  return series.flatMap(({ type, stack, dataKey, color, label }, s) => {
    if (type !== "bar") return [];
    const place = places.indexOf(stack ?? dataKey);
    return data.map((_, i) => {
      const [from, to] = stacks[s][i];
      const x = scale.x(i) - inner / 2 + place * (width + gap);
      const y = Math.min(scale.y(from), scale.y(to));
      const tip = `${labels[i]} · ${label ?? dataKey}: ${to - from}`;
      return html`<rect
        key=${`${s}/${i}`}
        x=${x}
        y=${y}
        width=${width}
        height=${Math.abs(scale.y(from) - scale.y(to))}
        rx="2"
        style=${{ fill: seriesColor(color, s) }}
      >
        ${showTooltip && html`<title>${tip}</title>`}
      </rect>`;
    });
  });
}

function lines({ data, series, stacks, scale, labels, showTooltip }) {
  return series.map(({ type, color, curveType, label, dataKey }, s) => {
    if (type === "bar") return null;
    const paint = seriesColor(color, s);
    const upper = data.map((_, i) => [scale.x(i), scale.y(stacks[s][i][1])]);
    const lower = data.map((_, i) => [scale.x(i), scale.y(stacks[s][i][0])]);
    return html`<g key=${s}>
      ${type === "area" && html`<path class="area" d=${areaPath(upper, lower, curveType)} style=${{ fill: paint }} />`}
      <path class="line" d=${linePath(upper, curveType)} style=${{ stroke: paint }} />
      ${upper.map(
        ([x, y], i) => html`<circle key=${i} cx=${x} cy=${y} r="3" style=${{ fill: paint }}>
          ${showTooltip && html`<title>${`${labels[i]} · ${label ?? dataKey}: ${data[i][dataKey]}`}</title>`}
        </circle>`,
      )}
    </g>`;
  });
}

function describe(series, labels) {
  const names = series.map(({ label, dataKey }) => label ?? dataKey).join(", ");
  return `Chart of ${names} over ${labels.join(", ")}`;
}
