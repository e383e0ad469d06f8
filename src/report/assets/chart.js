// The curves of the chosen runs.

const chart = {
  box: byId("chart"),
  size: [0, 0],
  at: null, // the iteration that is read off; null for the end
  hovered: null, // a run that is pointed at in the table or the legend
  stops: [], // all recorded iterations of the runs shown, ascending
  x: null,
};
const MARGIN = { left: 44, right: 10, top: 26, bottom: 36 };

function shownCurves() {
  const shown = chosenRuns();
  const hovered = chart.hovered;
  if (hovered && !shown.some(({ run }) => run.id === hovered)) {
    shown.push({ run: runs.get(hovered), colour: null });
  }
  return shown;
}

function drawChart() {
  const width = Math.max(280, chart.box.clientWidth);
  const height = Math.max(240, Math.min(400, Math.round(width * 0.66)));
  chart.size = [width, height];
  const shown = shownCurves();
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
  chart.stops = stopsOf(shown);
  if (chart.at !== null && chart.stops.length === 0) chart.at = null;
  if (shown.length === 0) {
    svg.append(draw("text", { class: "empty", x: width / 2, y: height / 2 }, "Choose runs in the table"));
  } else {
    const { x, y } = drawAxes(svg, shown);
    chart.x = x;
    for (const item of shown) drawCurves(svg, item, x, y);
    drawCrosshair(svg, shown, x, y);
  }
  chart.box.replaceChildren(svg);
}

function stopsOf(shown) {
  const all = new Set(shown.flatMap(({ run }) => [...run.train[0], ...run.eval[0]]));
  return [...all].sort((a, b) => a - b);
}

function drawAxes(svg, shown) {
  const [width, height] = chart.size;
  const [left, right] = [MARGIN.left, width - MARGIN.right];
  const [top, bottom] = [MARGIN.top, height - MARGIN.bottom];
  const end = Math.max(...shown.map(({ run }) => run.iterations));
  const errors = shown.flatMap(({ run }) => [...run.train[1], ...run.eval[1]]);
  const x = linear(end, left, right);
  const { place: y, lines } = errorScale(errors, bottom, top);
  for (const line of lines) {
    svg.append(draw("line", { class: "grid", x1: left, x2: right, y1: y(line), y2: y(line) }));
    svg.append(draw("text", { class: "tick", x: left - 7, y: y(line) + 4, "text-anchor": "end" }, tickText(line)));
  }
  for (const drop of dropsOf(shown)) {
    svg.append(draw("line", { class: "drop", x1: x(drop), x2: x(drop), y1: top, y2: bottom }));
  }
  for (const tick of ticks(end, roundStep(end, width < 420 ? 3 : 5))) {
    const last = x(tick) > right - 20;
    const anchor = last ? "end" : "middle";
    svg.append(draw("text", { class: "tick", x: last ? right : x(tick), y: bottom + 17, "text-anchor": anchor }, grouped(tick)));
  }
  svg.append(draw("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }));
  svg.append(draw("text", { class: "name", x: (left + right) / 2, y: height - 3, "text-anchor": "middle" }, "iteration"));
  svg.append(draw("text", { class: "name", x: 0, y: 12 }, "error %"));
  return { x, y };
}

const tickText = (value) => String(Number(value.toPrecision(6)));

// The drops of the learning rate, unless the runs have too many different ones to be of use.
function dropsOf(shown) {
  const drops = new Set(shown.flatMap(({ run }) => data.configurations[run.configuration].train.lr_drops));
  return drops.size <= 6 ? [...drops] : [];
}

function drawCurves(svg, { run, colour }, x, y) {
  const faded = chart.hovered && chart.hovered !== run.id ? " faded" : "";
  const hue = colour === null ? "preview" : `colour-${colour}`;
  for (const [kind, [iterations, errors]] of [["train", run.train], ["eval", run.eval]]) {
    const points = iterations.map((iteration, index) => `${x(iteration).toFixed(1)},${y(errors[index]).toFixed(1)}`);
    const attributes = { class: `curve ${kind} ${hue}${faded}`, "data-run": run.id, "data-series": kind };
    if (points.length === 1) {
      svg.append(draw("circle", { ...attributes, cx: x(iterations[0]), cy: y(errors[0]), r: 3 }));
    } else if (points.length > 1) {
      svg.append(draw("polyline", { ...attributes, points: points.join(" ") }));
    }
  }
}

function drawCrosshair(svg, shown, x, y) {
  if (chart.at === null) return;
  const [, height] = chart.size;
  const at = x(chart.at);
  svg.append(draw("line", { class: "crosshair", x1: at, x2: at, y1: MARGIN.top, y2: height - MARGIN.bottom }));
  for (const { run, colour } of shown) {
    for (const [iterations, errors] of [run.train, run.eval]) {
      const index = lastBy(iterations, chart.at);
      if (index < 0 || colour === null) continue;
      const place = { cx: x(iterations[index]), cy: y(errors[index]), r: 3.5 };
      svg.append(draw("circle", { class: `dot colour-${colour}`, ...place }));
    }
  }
}

// Reads the values at the recorded iteration that is nearest to a place in the chart.
function readAt(place) {
  if (!chart.x || chart.stops.length === 0) return;
  const iteration = chart.x.value(place);
  const before = Math.max(0, lastBy(chart.stops, iteration));
  const after = Math.min(before + 1, chart.stops.length - 1);
  const nearer = Math.abs(chart.stops[after] - iteration) < Math.abs(chart.stops[before] - iteration);
  moveTo(chart.stops[nearer ? after : before]);
}

function moveTo(iteration) {
  if (chart.at === iteration) return;
  chart.at = iteration;
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
  } else {
    return;
  }
  event.preventDefault();
}

function watchChart() {
  chart.box.addEventListener("pointermove", (event) => readAt(event.clientX - chart.box.getBoundingClientRect().left));
  chart.box.addEventListener("pointerleave", () => moveTo(null));
  chart.box.addEventListener("keydown", moveByKey);
  chart.box.addEventListener("blur", () => moveTo(null));
  new ResizeObserver(() => {
    if (chart.box.clientWidth !== chart.size[0]) drawChart();
  }).observe(chart.box);
}

