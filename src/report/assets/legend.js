// The legend is what one reads the values off: at the crosshair, or else at the end of each run.

function drawLegend() {
  const body = byId("legend").tBodies[0];
  body.replaceChildren(...chosenRuns().map(({ run, colour }) => legendRow(run, colour)));
  byId("legend").hidden = body.rows.length === 0;
  byId("at").textContent = chart.at === null ? "last values" : `at iteration ${grouped(chart.at)}`;
}

function legendRow(run, colour) {
  const remove = make("button", { type: "button", class: "remove", "aria-label": `Remove ${run.label}` }, "×");
  remove.addEventListener("click", () => choose(run.id));
  const swatch = make("span", { class: `swatch colour-${colour}` });
  const row = make(
    "tr",
    { "data-id": run.id },
    make("th", { scope: "row" }, swatch, run.label),
    make("td", { class: "number" }, percent(valueOf(run.train))),
    make("td", { class: "number" }, percent(valueOf(run.eval))),
    make("td", {}, remove),
  );
  pointedAt(row, run.id);
  return row;
}

function valueOf(curve) {
  return errorBy(curve, chart.at === null ? Infinity : chart.at);
}

// For those who hear the page: what the keys have moved the crosshair to.
function speak() {
  const said = chosenRuns().map(
    ({ run }) => `${run.label}: training ${percent(valueOf(run.train))}, ${run.eval_name} ${percent(valueOf(run.eval))}`,
  );
  byId("spoken").textContent = `Iteration ${chart.at}. ${said.join(". ")}`;
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

