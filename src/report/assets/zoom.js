// Zoom: a rectangle that is dragged in the chart, or keys; a double click shows all again.

const DRAG = 6; // pixels from which a press is a drag
const FLAT = 14; // a lower rectangle chooses a stretch across and fits the values to it

const drag = { from: null, box: null };

function placeIn(event) {
  const { left, top } = chart.box.getBoundingClientRect();
  const [width, height] = chart.size;
  const within = (value, low, high) => Math.max(low, Math.min(high, value));
  return [
    within(event.clientX - left, MARGIN.left, width - MARGIN.right),
    within(event.clientY - top, MARGIN.top, height - MARGIN.bottom),
  ];
}

function watchZoom() {
  chart.box.addEventListener("pointerdown", (event) => {
    if (event.button === 0 && chart.x) drag.from = placeIn(event);
  });
  chart.box.addEventListener("pointermove", (event) => {
    if (drag.from) showDrag(placeIn(event));
    else readAt(event.clientX - chart.box.getBoundingClientRect().left);
  });
  window.addEventListener("pointerup", (event) => endDrag(placeIn(event)));
  window.addEventListener("pointercancel", () => (drag.from = null));
  chart.box.addEventListener("dblclick", () => zoomTo(null));
}

// The rectangle between two corners; flat ones are as high as the chart.
function rectangle([x1, y1], [x2, y2]) {
  const flat = Math.abs(y2 - y1) < FLAT;
  const [top, bottom] = flat ? [MARGIN.top, chart.size[1] - MARGIN.bottom] : [Math.min(y1, y2), Math.max(y1, y2)];
  return { left: Math.min(x1, x2), right: Math.max(x1, x2), top, bottom, flat };
}

function showDrag(to) {
  const { left, right, top, bottom } = rectangle(drag.from, to);
  drag.box?.remove();
  if (right - left < DRAG) return;
  drag.box = draw("rect", { class: "drag", x: left, y: top, width: right - left, height: bottom - top });
  chart.box.firstChild.append(drag.box);
}

function endDrag(to) {
  if (!drag.from) return;
  const { left, right, top, bottom, flat } = rectangle(drag.from, to);
  drag.from = null;
  drag.box?.remove();
  if (right - left < DRAG || !chart.x) return;
  const across = [chart.x.value(left), chart.x.value(right)];
  zoomTo(flat ? across : [...across, chart.y.value(bottom), chart.y.value(top)]);
}

function zoomTo(zoom) {
  state.zoom = zoom;
  drawChart();
  writeState();
}

// + and - zoom around the crosshair, 0 shows all.
function zoomByKey(key) {
  if (key === "0") return zoomTo(null), true;
  const factor = { "+": 0.5, "=": 0.5, "-": 2 }[key];
  if (!factor || !chart.x) return false;
  const all = [0, chart.stops.at(-1)];
  const [from, to] = ends();
  const middle = chart.at ?? (from + to) / 2;
  const zoomed = [middle - (middle - from) * factor, middle + (to - middle) * factor];
  const [low, high] = [Math.max(all[0], zoomed[0]), Math.min(all[1], zoomed[1])];
  zoomTo(low <= all[0] && high >= all[1] ? null : [low, high]);
  return true;
}
