// Everything that is known of a run, below its row.

const details = new Map();
const detailsOf = (row) => details.get(row.dataset.id);

function toggleDetails(row) {
  const id = row.dataset.id;
  if (!state.open.delete(id)) state.open.add(id);
  showDetails(row);
  writeState();
}

function showDetails(row) {
  const id = row.dataset.id;
  const open = state.open.has(id);
  row.querySelector(".more").setAttribute("aria-expanded", open);
  if (open && !details.has(id)) {
    const cell = make("td", { colspan: columns.length }, ...detailsContent(runs.get(id)));
    const added = make("tr", { class: "details" }, cell);
    details.set(id, added);
    row.after(added);
  } else if (!open && details.has(id)) {
    details.get(id).remove();
    details.delete(id);
  }
}

function detailsContent(run) {
  const last = run.attempts.at(-1);
  const parts = [
    facts([
      ["identity", make("code", {}, run.id)],
      ["images", make("code", {}, run.data)],
      ["parameters", grouped(run.parameters)],
    ]),
  ];
  if (last && last.error) parts.push(make("h4", {}, "Error"), make("pre", { class: "error", tabindex: 0 }, last.error));
  parts.push(configuration(run));
  if (run.attempts.length > 0) parts.push(make("h4", {}, "Attempts"), attempts(run));
  if (run.log) parts.push(make("h4", {}, "End of the log ", make("code", {}, run.log.path)), log(run));
  return parts;
}

const log = (run) => make("pre", { tabindex: 0, class: "log" }, run.log.lines.join("\n"));

function facts(pairs) {
  return make("dl", {}, ...pairs.map(([term, value]) => make("div", {}, make("dt", {}, term), make("dd", {}, value))));
}

function configuration(run) {
  const values = { ...data.configurations[run.configuration], seed: { seed: run.seed } };
  const groups = Object.entries(values).map(([group, keys]) => {
    const pairs = Object.entries(keys).map(([key, value]) => [key, valueText(value)]);
    return make("div", {}, make("h5", {}, group), facts(pairs));
  });
  const box = make("div", { class: "groups" }, ...groups);
  return make("details", { class: "configuration" }, make("summary", {}, "Configuration"), box);
}

function valueText(value) {
  if (value === null) return "none";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function attempts(run) {
  const names = ["", "state", "from", "started", "time", "program", "machine"];
  const head = make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name)));
  const body = run.attempts.map((attempt) => {
    const share = `${attempt.threads} of ${attempt.threads * attempt.workers} threads`;
    const machine = [attempt.host, attempt.cpu, attempt.device, share].filter(Boolean).join(" · ");
    const cells = [
      attempt.number,
      attempt.diverged === null ? attempt.state : `${attempt.state} at ${attempt.diverged}`,
      grouped(attempt.from),
      moment(attempt.started_ms),
      duration(attempt.wall_s),
      attempt.program,
      machine,
    ];
    return make("tr", {}, ...cells.map((cell) => make("td", {}, String(cell))));
  });
  const list = make("table", { class: "attempts" }, make("thead", {}, head), make("tbody", {}, ...body));
  return make("div", { class: "scroll" }, list);
}

