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
    const contents = make("div", { class: "contents" }, ...detailsContent(runs.get(id)));
    const cell = make("td", { colspan: columns.length }, contents);
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
      ["seed", String(run.seed)],
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
  const groups = Object.entries(data.configurations[run.configuration]).map(([group, keys]) => {
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
  const items = run.attempts.map((attempt) => {
    const outcome = attempt.diverged === null ? attempt.state : `${attempt.state} at iteration ${attempt.diverged}`;
    const from = attempt.from > 0 ? `from iteration ${grouped(attempt.from)}` : null;
    const time = attempt.wall_s === null ? null : duration(attempt.wall_s);
    const share = `${attempt.threads} of ${attempt.threads * attempt.workers} threads`;
    const machine = ["resweep " + attempt.program, attempt.host, attempt.cpu, attempt.device, share];
    const error = attempt.error && attempt.error.split("\n")[0];
    return make(
      "li",
      { value: attempt.number },
      line([outcome, from, moment(attempt.started_ms), time, error]),
      make("small", {}, line(machine)),
    );
  });
  return make("ol", { class: "attempts" }, ...items);
}

const line = (parts) => parts.filter(Boolean).join(" · ");
