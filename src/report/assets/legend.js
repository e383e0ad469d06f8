// The legend is what one reads the values off: at the crosshair, or else at the end of each run.

function drawLegend() {
  const body = byId("legend").tBodies[0];
  const items = chart.items.filter(({ colour }) => colour !== null);
  body.replaceChildren(...items.map(legendRow));
  byId("legend").hidden = body.rows.length === 0;
  byId("at").textContent = chart.at === null ? "last values" : `at ${atText()}`;
  const heads = byId("legend").tHead.rows[0].cells;
  const unit = state.measure === "loss" ? "loss" : "%";
  heads[0].textContent = state.mean ? "configuration" : "run";
  heads[1].textContent = `training ${unit}`;
  heads[2].textContent = `${evalName} ${unit}`;
}

const evalName = byId("legend").dataset.eval;

function atText() {
  if (state.x === "iteration") return `iteration ${grouped(chart.at)}`;
  return state.x === "epoch" ? `epoch ${chart.at.toFixed(2)}` : duration(chart.at);
}

function legendRow(shown) {
  const remove = make("button", { type: "button", class: "remove", "aria-label": `Remove ${shown.label}` }, "×");
  remove.addEventListener("click", () => drop(shown.ids));
  const swatch = make("span", { class: `swatch ${hueOf(shown)}` });
  const seeds = state.mean ? make("small", {}, ` ${seedsOf(shown)}`) : null;
  const row = make(
    "tr",
    { "data-id": shown.id },
    make("th", { scope: "row" }, swatch, shown.label, seeds),
    make("td", { class: "number" }, readingText(valueAt(shown.train))),
    make("td", { class: "number" }, readingText(valueAt(shown.eval))),
    make("td", {}, remove),
  );
  pointedAt(row, shown.id);
  return row;
}

const seedsOf = ({ runs: all }) => (all.length === 1 ? "1 seed" : `mean of ${all.length} seeds`);
const numberText = (value) => (state.measure === "loss" ? value.toFixed(Math.abs(value) < 0.1 ? 4 : 3) : percent(value));

// The value recorded last by the crosshair, with the range over seeds.
function valueAt({ x, y, low, high }) {
  const index = lastBy(x, chart.at === null ? Infinity : chart.at);
  return index < 0 ? null : { value: y[index], spread: (high[index] - low[index]) / 2 };
}

function readingText(at) {
  if (at === null) return "–";
  return at.spread > 0 ? `${numberText(at.value)} ± ${numberText(at.spread)}` : numberText(at.value);
}

// For those who hear the page: what the keys have moved the crosshair to.
function speak() {
  const items = chart.items.filter(({ colour }) => colour !== null);
  const said = items.map((shown) => {
    const [train, evaluated] = [shown.train, shown.eval].map((curve) => readingText(valueAt(curve)));
    return `${shown.label}: training ${train}, ${shown.runs[0].eval_name} ${evaluated}`;
  });
  const text = atText();
  byId("spoken").textContent = `${text[0].toUpperCase()}${text.slice(1)}. ${said.join(". ")}`;
}

// Shows a run's curves, before all others, while the element is pointed at.
function pointedAt(element, id) {
  element.addEventListener("pointerenter", () => hover(id));
  element.addEventListener("pointerleave", () => hover(null));
}

function hover(id) {
  if (chart.hovered === id) return;
  chart.hovered = id;
  drawChart();
}
