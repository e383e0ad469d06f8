// The filter's text: `depth=26`, `lr<0.1` and the like ask for settings, all else is looked for in
// labels, states and reasons.

const CONDITION = /^([a-z_]+)(<=|>=|=|<|>)(\S+)$/;

// The settings of a run by their names in the sweep file.
const settingsOf = (run) => ({ ...Object.assign({}, ...Object.values(data.configurations[run.configuration])), seed: run.seed });
const settings = new Map(data.runs.map((run) => [run.id, settingsOf(run)]));

function parseFilter(text) {
  const words = text.trim().split(/\s+/).filter(Boolean);
  const known = new Set([...settings.values()].flatMap(Object.keys));
  const conditions = words.map((word) => word.match(CONDITION)).filter((match) => match && known.has(match[1]));
  const taken = new Set(conditions.map(([word]) => word));
  return { conditions, text: words.filter((word) => !taken.has(word)).join(" ").toLowerCase() };
}

function meets(value, comparison, wanted) {
  const [left, right] = [Number(value), Number(wanted)];
  const numbers = value !== null && !Number.isNaN(left) && !Number.isNaN(right);
  switch (comparison) {
    case "=":
      return numbers ? left === right : valueWord(value).toLowerCase() === wanted.toLowerCase();
    case "<":
      return numbers && left < right;
    case ">":
      return numbers && left > right;
    case "<=":
      return numbers && left <= right;
    default:
      return numbers && left >= right;
  }
}

const valueWord = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));

function fits(row, { conditions, text }) {
  const own = settings.get(row.dataset.id);
  const found = row.dataset.text.includes(text) || (text.length >= 4 && row.dataset.id.startsWith(text));
  return found && conditions.every(([, key, comparison, wanted]) => meets(own[key] ?? null, comparison, wanted));
}

// Offers the values of the settings that differ between runs.
function offerFilters() {
  const values = new Map();
  for (const own of settings.values()) {
    for (const [key, value] of Object.entries(own)) {
      if (!values.has(key)) values.set(key, new Set());
      values.get(key).add(valueWord(value));
    }
  }
  const several = [...values].filter(([, all]) => all.size > 1 && all.size <= 20);
  const words = several.flatMap(([key, all]) => [...all].map((value) => `${key}=${value}`));
  byId("conditions").append(...words.filter((word) => !/\s/.test(word)).map((value) => make("option", { value })));
}
