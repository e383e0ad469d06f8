// What the chart shows: its axes, smoothing, means over seeds.

function showSettings() {
  byId("log").checked = state.log;
  byId("mean").checked = state.mean;
  byId("x").value = state.x;
  byId("measure").value = state.measure;
  byId("smooth").value = String(state.smooth);
  if (byId("smooth").value === "") byId("smooth").append(make("option", { value: state.smooth, selected: "" }, `${state.smooth} points`));
}

// Redraws after a change; another axis has other ends.
function change(set) {
  set();
  chart.at = null;
  drawChart();
  drawLegend();
  writeState();
}

function watchSettings() {
  const on = (id, set) => byId(id).addEventListener("change", ({ target }) => change(() => set(target)));
  on("log", ({ checked }) => (state.log = checked));
  on("mean", ({ checked }) => (state.mean = checked));
  on("smooth", ({ value }) => (state.smooth = Number(value)));
  on("x", ({ value }) => ([state.x, state.zoom] = [value, null]));
  on("measure", ({ value }) => ([state.measure, state.zoom] = [value, null]));
  const known = { epoch: epochsPerIteration, time: secondsPerIteration };
  for (const option of byId("x").options) {
    option.disabled = option.value in known && data.runs.every((run) => known[option.value](run) === null);
  }
}
