// What the chart draws: the curves of each chosen run, or means over the seeds of a configuration,
// against iterations, epochs or time, smoothed or not.

const MEASURES = { error: 1, loss: 2 }; // places in a run's curves
const seriesOf = { run: new Map(), mean: new Map() };

// Everything drawn: {id, label, colour, runs, train, eval}; a curve is {x, y, low, high}.
function shownItems() {
  const chosen = chosenRuns();
  const hovered = chart.hovered && !chosen.some(({ run }) => run.id === chart.hovered);
  if (hovered) chosen.push({ run: runs.get(chart.hovered), colour: null });
  return state.mean ? means(chosen) : chosen.map(({ run, colour }) => item(run.label, colour, [run]));
}

const withoutSeed = (label) => label.replace(/ seed \d+$/, "");

// One item for each configuration of the chosen runs, over all of its seeds.
function means(chosen) {
  const seen = new Map();
  for (const { run, colour } of chosen) {
    if (!seen.has(run.configuration)) seen.set(run.configuration, { run, colour });
  }
  return [...seen.values()].map(({ run, colour }) => {
    const all = data.runs.filter((other) => other.configuration === run.configuration);
    return item(withoutSeed(run.label), colour, all);
  });
}

function item(label, colour, all) {
  const curve = (kind) => meanCurve(all.map((run) => valuesOf(run, kind)).filter(({ at }) => at.length > 0), all[0]);
  const [train, evaluated] = [curve("train"), curve("eval")];
  return { id: all[0].id, ids: all.map((run) => run.id), label, colour, runs: all, train, eval: evaluated };
}

// Iterations and finite values of a run's curve, training smoothed.
function valuesOf(run, kind) {
  const values = run[kind][MEASURES[state.measure]];
  const known = run[kind][0].map((_, index) => index).filter((index) => Number.isFinite(values[index]));
  const points = { at: known.map((index) => run[kind][0][index]), y: known.map((index) => values[index]) };
  return kind === "train" ? { ...points, y: smoothed(points.y, state.smooth) } : points;
}

// A centred moving mean, over fewer points near the ends.
function smoothed(values, points) {
  if (points <= 1) return values;
  const sums = [0];
  for (const value of values) sums.push(sums.at(-1) + value);
  return values.map((_, index) => {
    const half = Math.min(Math.floor(points / 2), index, values.length - 1 - index);
    return (sums[index + half + 1] - sums[index - half]) / (2 * half + 1);
  });
}

// Mean, lowest and highest where all curves have a point; `run` says how places are counted.
function meanCurve(curves, run) {
  const place = placeOf(run);
  if (curves.length === 0 || !place) return { x: [], y: [], low: [], high: [], at: [] };
  const maps = curves.map(({ at, y }) => new Map(at.map((iteration, index) => [iteration, y[index]])));
  const at = curves[0].at.filter((iteration) => maps.every((map) => map.has(iteration)));
  const values = at.map((iteration) => maps.map((map) => map.get(iteration)));
  const mean = (all) => all.reduce((sum, value) => sum + value, 0) / all.length;
  return {
    at,
    x: at.map(place),
    y: values.map(mean),
    low: values.map((all) => Math.min(...all)),
    high: values.map((all) => Math.max(...all)),
  };
}

// From iterations of a run to places across the chart; null where they are not known.
function placeOf(run) {
  if (state.x === "iteration") return (iteration) => iteration;
  const each = state.x === "epoch" ? epochsPerIteration(run) : secondsPerIteration(run);
  return each === null ? null : (iteration) => iteration * each;
}

function epochsPerIteration(run) {
  const { batch_size } = data.configurations[run.configuration].train;
  return run.train_images ? batch_size / run.train_images : null;
}

const lastIteration = (run) => Math.max(0, run.train[0].at(-1) ?? 0, run.eval[0].at(-1) ?? 0);

// From the attempts, evaluations included; attempts of unknown length do not count.
function secondsPerIteration(run) {
  let [seconds, iterations] = [0, 0];
  run.attempts.forEach((attempt, index) => {
    const so_far = attempt.state === "running" ? (data.written_ms - attempt.started_ms) / 1000 : null;
    const wall = attempt.wall_s ?? so_far;
    const end = run.attempts[index + 1]?.from ?? lastIteration(run);
    if (wall === null || end <= attempt.from) return;
    seconds += wall;
    iterations += end - attempt.from;
  });
  return iterations > 0 && seconds > 0 ? seconds / iterations : null;
}
