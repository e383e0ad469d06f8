// What the reader has chosen. It is kept in the address after the #, so that it outlives a reload
// and can be passed on.

const COLOURS = 10;

const state = {
  text: "", // the filter
  states: new Set(), // shown; all when empty
  sort: "run",
  down: false, // descending
  chosen: [], // ids of runs by colour, null where a colour is free
  open: new Set(), // ids of runs with their details shown
  log: false, // logarithmic values
  x: "iteration", // or "epoch", "time"
  measure: "error", // or "loss"
  smooth: 1, // points of training that a moving mean takes
  mean: false, // over the seeds of a configuration
  zoom: null, // [from, to] across, or with [low, high] behind it
  paused: false, // no reload
};

const runs = new Map(data.runs.map((run) => [run.id, run]));
const shortId = (id) => id.slice(0, 12);
const byShortId = new Map(data.runs.map((run) => [shortId(run.id), run.id]));

// Not the name of a part of the page.
const saysState = () => location.hash.includes("=");

// What the address says; false where it says nothing of the runs chosen.
function readState() {
  const said = new URLSearchParams(saysState() ? location.hash.slice(1) : "");
  const ids = (key) => (said.get(key) || "").split(",").map((id) => byShortId.get(id) || null);
  state.text = said.get("text") || "";
  state.states = new Set((said.get("states") || "").split(",").filter(Boolean));
  state.sort = said.get("sort") || "run";
  state.down = said.has("down");
  state.chosen = ids("runs").slice(0, COLOURS);
  state.open = new Set(ids("open").filter(Boolean));
  state.log = said.has("log");
  state.x = ["epoch", "time"].includes(said.get("x")) ? said.get("x") : "iteration";
  state.measure = said.get("measure") === "loss" ? "loss" : "error";
  state.smooth = Math.max(1, Math.floor(Number(said.get("smooth"))) || 1);
  state.mean = said.has("mean");
  state.zoom = readZoom(said.get("zoom") || "");
  state.paused = said.has("paused");
  return said.has("runs");
}

function readZoom(text) {
  const ends = text.split(",").map(Number);
  const isRange = (low, high) => Number.isFinite(low) && Number.isFinite(high) && low < high;
  const sound = isRange(ends[0], ends[1]) && (ends.length === 2 || (ends.length === 4 && isRange(ends[2], ends[3])));
  return sound ? ends : null;
}

let written = null; // by this page itself

function writeState() {
  const say = new URLSearchParams({ runs: state.chosen.map((id) => id && shortId(id)).join(",") });
  if (state.text) say.set("text", state.text);
  if (state.states.size) say.set("states", [...state.states].join(","));
  if (state.sort !== "run") say.set("sort", state.sort);
  if (state.down) say.set("down", "");
  if (state.open.size) say.set("open", [...state.open].map(shortId).join(","));
  if (state.log) say.set("log", "");
  if (state.x !== "iteration") say.set("x", state.x);
  if (state.measure !== "error") say.set("measure", state.measure);
  if (state.smooth > 1) say.set("smooth", state.smooth);
  if (state.mean) say.set("mean", "");
  if (state.zoom) say.set("zoom", state.zoom.map((end) => Number(end.toPrecision(6))).join(","));
  if (state.paused) say.set("paused", "");
  location.replace("#" + say);
  written = location.hash;
}

const chosenRuns = () => state.chosen.flatMap((id, colour) => (id ? [{ run: runs.get(id), colour }] : []));

// Chooses a run or drops it; false where every colour is taken.
function toggle(id) {
  const at = state.chosen.indexOf(id);
  if (at >= 0) {
    state.chosen[at] = null;
    return true;
  }
  const free = [...Array(COLOURS).keys()].find((colour) => !state.chosen[colour]);
  if (free === undefined) return false;
  state.chosen[free] = id;
  return true;
}

// For a reader who has chosen nothing yet: the first run of each configuration that has a curve.
function chooseFirst() {
  const seen = new Set();
  for (const run of data.runs) {
    if (seen.size < 6 && !seen.has(run.configuration) && run.train[0].length + run.eval[0].length > 0) {
      seen.add(run.configuration);
      toggle(run.id);
    }
  }
}

