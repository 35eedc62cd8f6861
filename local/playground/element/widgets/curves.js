/** SVG paths through points, by the names that chart series use for their curves. */

/**
 * @param {[number, number][]} points
 * @param {string} [curve] a CurveType of `widgets.py`
 */
export function linePath(points, curve = "linear") {
  if (points.length === 0) return "";
  const start = `M${point(points[0])}`;
  const path = start + points.slice(1).map((to, i) => segment(points[i], to, curve)).join("");
  return curve.endsWith("Closed") ? `${path}Z` : path;
}

/** The surface between two lines over the same places. */
export function areaPath(upper, lower, curve) {
  const back = lower.toReversed();
  return `${linePath(upper, curve)}L${point(back[0])}${back.slice(1).map((to) => `L${point(to)}`).join("")}Z`;
}

const point = ([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`;

function segment([x0, y0], [x1, y1], curve) {
  const middle = (x0 + x1) / 2;
  switch (curve) {
    case "step":
      return `H${middle.toFixed(1)}V${y1.toFixed(1)}H${x1.toFixed(1)}`;
    case "stepBefore":
      return `V${y1.toFixed(1)}H${x1.toFixed(1)}`;
    case "stepAfter":
      return `H${x1.toFixed(1)}V${y1.toFixed(1)}`;
    case "linear":
    case "linearClosed":
      return `L${point([x1, y1])}`;
    case "bumpY":
      return `C${point([x0, (y0 + y1) / 2])} ${point([x1, (y0 + y1) / 2])} ${point([x1, y1])}`;
    default:
      // The smooth kinds differ in how they bend; one smooth bend that never overshoots stands for them.
      return `C${point([middle, y0])} ${point([middle, y1])} ${point([x1, y1])}`;
  }
}
