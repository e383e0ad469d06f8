// The curves of what is chosen.

const chart = {
  box: byId("chart"),
  size: [0, 0],
  at: null, // the place across that is read off; null for the end
  hovered: null, // a run that is pointed at in the table or the legend
  items: [],
  stops: [], // all places with a point, ascending
  x: null,
  y: null,
};
const MARGIN = { left: 44, right: 10, top: 26, bottom: 36 };

function drawChart() {
  const width = Math.max(280, chart.box.clientWidth);
  const height = Math.max(240, Math.min(400, Math.round(width * 0.66)));
  chart.size = [width, height];
  chart.items = shownItems();
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
  chart.stops = stopsOf(chart.items);
  if (chart.at !== null && chart.stops.length === 0) chart.at = null;
  [chart.x, chart.y] = [null, null];
  if (chart.items.length === 0) {
    svg.append(draw("text", { class: "empty", x: width / 2, y: height / 2 }, "Choose runs in the table"));
  } else if (chart.stops.length === 0) {
    svg.append(draw("text", { class: "empty", x: width / 2, y: height / 2 }, nothingToDraw()));
  } else {
    drawAxes(svg);
    const plot = plotArea();
    for (const shown of chart.items) drawBand(plot, shown);
    for (const shown of chart.items) drawCurves(plot, shown);
    drawCrosshair(plot);
    svg.append(plot);
  }
  chart.box.replaceChildren(svg);
  byId("reset").hidden = state.zoom === null;
}

const nothingToDraw = () =>
  state.measure === "loss" ? "No losses are recorded" : `No ${state.x === "iteration" ? "points" : state.x + "s"} known yet`;

// An inner drawing that cuts what lies outside the axes.
function plotArea() {
  const [width, height] = chart.size;
  const x = MARGIN.left - 3;
  const y = MARGIN.top - 3;
  const size = { width: width - x - MARGIN.right + 3, height: height - y - MARGIN.bottom + 3 };
  return draw("svg", { x, y, ...size, viewBox: `${x} ${y} ${size.width} ${size.height}` });
}

function stopsOf(items) {
  const all = new Set(items.flatMap((shown) => [...shown.train.x, ...shown.eval.x]));
  return [...all].sort((a, b) => a - b);
}

// Ends of the axis across: the zoom, or all that is recorded.
const ends = () => (state.zoom ? state.zoom.slice(0, 2) : [0, Math.max(chart.stops.at(-1), 1e-9)]);

function drawAxes(svg) {
  const [width, height] = chart.size;
  const [left, right] = [MARGIN.left, width - MARGIN.right];
  const [top, bottom] = [MARGIN.top, height - MARGIN.bottom];
  const [from, to] = ends();
  const x = linear(from, to, left, right);
  const range = state.zoom && state.zoom.length === 4 ? state.zoom.slice(2) : null;
  const { place: y, lines } = valueScale(valuesWithin(from, to), range, state.log, bottom, top);
  [chart.x, chart.y] = [x, y];
  for (const line of lines) {
    svg.append(draw("line", { class: "grid", x1: left, x2: right, y1: y(line), y2: y(line) }));
    svg.append(draw("text", { class: "tick", x: left - 7, y: y(line) + 4, "text-anchor": "end" }, tickText(line)));
  }
  for (const drop of dropsOf(chart.items).filter((drop) => drop >= from && drop <= to)) {
    svg.append(draw("line", { class: "drop", x1: x(drop), x2: x(drop), y1: top, y2: bottom }));
  }
  const { unit, name } = unitOf(to);
  const step = roundStep((to - from) / unit, width < 420 ? 3 : 5);
  for (const tick of ticks(from / unit, to / unit, step)) {
    const at = x(tick * unit);
    const last = at > right - 20;
    const anchor = last ? "end" : "middle";
    svg.append(draw("text", { class: "tick", x: last ? right : at, y: bottom + 17, "text-anchor": anchor }, tickText(tick)));
  }
  svg.append(draw("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }));
  svg.append(draw("text", { class: "name", x: (left + right) / 2, y: height - 3, "text-anchor": "middle" }, name));
  svg.append(draw("text", { class: "name", x: 0, y: 12 }, state.measure === "loss" ? "loss" : "error %"));
}

// What counts for the axis of values: what lies between two places across.
function valuesWithin(from, to) {
  const within = ({ x, y, low, high }) =>
    x.flatMap((at, index) => (at >= from && at <= to ? [low[index], y[index], high[index]] : []));
  return chart.items.flatMap((shown) => [...within(shown.train), ...within(shown.eval)]);
}

// How the axis across is counted.
function unitOf(end) {
  if (state.x === "iteration") return { unit: 1, name: "iteration" };
  if (state.x === "epoch") return { unit: 1, name: "epoch" };
  if (end < 120) return { unit: 1, name: "time (s)" };
  return end < 7200 ? { unit: 60, name: "time (min)" } : { unit: 3600, name: "time (h)" };
}

function tickText(value) {
  const text = String(Number(value.toPrecision(6)));
  return /^\d{5,}$/.test(text) ? grouped(text) : text;
}

// The drops of the learning rate, unless the runs have too many different ones to be of use.
function dropsOf(items) {
  const drops = new Set();
  for (const { runs: [run] } of items) {
    const place = placeOf(run);
    if (place) data.configurations[run.configuration].train.lr_drops.forEach((drop) => drops.add(place(drop)));
  }
  return drops.size <= 6 ? [...drops] : [];
}

const hueOf = ({ colour }) => (colour === null ? "preview" : `colour-${colour}`);
const fadedOf = ({ ids }) => (chart.hovered && !ids.includes(chart.hovered) ? " faded" : "");

// From the lowest to the highest seed.
function drawBand(plot, shown) {
  for (const { x, low, high } of [shown.train, shown.eval]) {
    if (!low.some((value, index) => value < high[index])) continue;
    const point = (values) => (at, index) => `${chart.x(at).toFixed(1)},${chart.y(values[index]).toFixed(1)}`;
    const points = [...x.map(point(high)), ...x.map(point(low)).reverse()].join(" ");
    plot.append(draw("polygon", { class: `band ${hueOf(shown)}${fadedOf(shown)}`, points }));
  }
}

function drawCurves(plot, shown) {
  for (const kind of ["train", "eval"]) {
    const { x, y } = shown[kind];
    const points = x.map((at, index) => `${chart.x(at).toFixed(1)},${chart.y(y[index]).toFixed(1)}`);
    const look = `curve ${kind} ${hueOf(shown)}${fadedOf(shown)}`;
    const attributes = { class: look, "data-run": shown.id, "data-series": kind };
    if (points.length === 1) {
      plot.append(draw("circle", { ...attributes, cx: chart.x(x[0]), cy: chart.y(y[0]), r: 3 }));
    } else if (points.length > 1) {
      plot.append(draw("polyline", { ...attributes, points: points.join(" ") }));
    }
  }
}

function drawCrosshair(plot) {
  if (chart.at === null) return;
  const [, height] = chart.size;
  const at = chart.x(chart.at);
  plot.append(draw("line", { class: "crosshair", x1: at, x2: at, y1: MARGIN.top, y2: height - MARGIN.bottom }));
  for (const shown of chart.items.filter(({ colour }) => colour !== null)) {
    for (const { x, y } of [shown.train, shown.eval]) {
      const index = lastBy(x, chart.at);
      if (index < 0) continue;
      const place = { cx: chart.x(x[index]), cy: chart.y(y[index]), r: 3.5 };
      plot.append(draw("circle", { class: `dot ${hueOf(shown)}`, ...place }));
    }
  }
}

// Reads the values at the recorded place that is nearest to one in the chart.
function readAt(place) {
  if (!chart.x || chart.stops.length === 0) return;
  const wanted = chart.x.value(place);
  const before = Math.max(0, lastBy(chart.stops, wanted));
  const after = Math.min(before + 1, chart.stops.length - 1);
  const nearer = Math.abs(chart.stops[after] - wanted) < Math.abs(chart.stops[before] - wanted);
  moveTo(chart.stops[nearer ? after : before]);
}

function moveTo(at) {
  if (chart.at === at) return;
  chart.at = at;
  drawChart();
  drawLegend();
}

function moveByKey(event) {
  const last = chart.stops.length - 1;
  const now = chart.at === null ? last + 1 : lastBy(chart.stops, chart.at);
  const steps = { ArrowLeft: now - 1, ArrowRight: now + 1, PageUp: now - 10, PageDown: now + 10, Home: 0, End: last };
  if (event.key === "Escape") {
    moveTo(null);
  } else if (event.key in steps && last >= 0) {
    moveTo(chart.stops[Math.max(0, Math.min(last, steps[event.key]))]);
    speak();
  } else if (!zoomByKey(event.key)) {
    return;
  }
  event.preventDefault();
}

function watchChart() {
  chart.box.addEventListener("pointerleave", () => moveTo(null));
  chart.box.addEventListener("keydown", moveByKey);
  chart.box.addEventListener("blur", () => moveTo(null));
  watchZoom();
  new ResizeObserver(() => {
    if (chart.box.clientWidth !== chart.size[0]) drawChart();
  }).observe(chart.box);
}
