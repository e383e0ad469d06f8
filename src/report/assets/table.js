// The table of runs: filter, order, choice.

const table = byId("table");
const rows = [...table.tBodies[0].rows];
const columns = [...table.tHead.rows[0].cells];

// Gives each row its box to tick and its button for details.
function prepareRow(row) {
  const id = row.dataset.id;
  const run = runs.get(id);
  const box = make("input", { type: "checkbox", "aria-label": `Show the curves of ${run.label}` });
  const more = make("button", { type: "button", class: "more", "aria-label": `Details of ${run.label}` }, "▸");
  box.addEventListener("change", () => choose(id));
  more.addEventListener("click", () => toggleDetails(row));
  row.cells[0].prepend(more, box);
  row.addEventListener("click", (event) => {
    if (!event.target.closest("button, input, a") && !getSelection().toString()) choose(id);
  });
  row.addEventListener("keydown", (event) => moveFocus(event, row));
  pointedAt(row, id);
}

function choose(id) {
  const taken = toggle(id);
  byId("full").hidden = taken;
  byId("spoken").textContent = taken ? "" : byId("full").textContent;
  showChoice();
  writeState();
}

// Takes runs out of the choice.
function drop(ids) {
  state.chosen = state.chosen.map((id) => (ids.includes(id) ? null : id));
  byId("full").hidden = true;
  showChoice();
  writeState();
}

function showChoice() {
  for (const row of rows) {
    const colour = state.chosen.indexOf(row.dataset.id);
    row.classList.toggle("chosen", colour >= 0);
    const box = row.querySelector("input");
    box.checked = colour >= 0;
    box.className = colour >= 0 ? `colour-${colour}` : "";
  }
  drawChart();
  drawLegend();
}

// Up and down go from row to row, Enter opens and closes the details.
function moveFocus(event, row) {
  const shown = [...table.tBodies[0].rows].filter((other) => other.dataset.id && !other.hidden);
  const next = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (next !== undefined) {
    shown[shown.indexOf(row) + next]?.querySelector("input").focus();
    event.preventDefault();
  } else if (event.key === "Enter" && event.target.matches("input")) {
    toggleDetails(row);
    event.preventDefault();
  }
}

function showFilter() {
  const filter = parseFilter(state.text);
  let count = 0;
  for (const row of rows) {
    row.hidden = !fits(row, filter) || (state.states.size > 0 && !state.states.has(row.dataset.state));
    if (detailsOf(row)) detailsOf(row).hidden = row.hidden;
    count += row.hidden ? 0 : 1;
  }
  for (const chip of document.querySelectorAll(".chip")) {
    chip.setAttribute("aria-pressed", state.states.has(chip.dataset.state));
  }
  byId("shown").textContent = count === rows.length ? "" : `${count} of ${rows.length} runs`;
  byId("none").hidden = count > 0;
}

// Runs without a value come last, whichever way the others are sorted.
function compare(a, b, column) {
  const [left, right] = [a, b].map((row) => row.cells[column].dataset.value);
  if (left === "" || right === "") return (left === "") - (right === "");
  const order = column === 1 ? left.localeCompare(right) : left - right;
  return state.down ? -order : order;
}

function showOrder() {
  const column = Math.max(0, columns.findIndex((head) => head.dataset.sort === state.sort));
  const order = [...rows].sort((a, b) => compare(a, b, column) || a.dataset.run - b.dataset.run);
  table.tBodies[0].append(...order.flatMap((row) => [row, detailsOf(row)].filter(Boolean)));
  columns.forEach((head, index) => {
    if (index === column) head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  });
}

function sortBy(name) {
  state.down = state.sort === name && !state.down;
  state.sort = name;
  showOrder();
  writeState();
}

function prepareTable() {
  rows.forEach(prepareRow);
  for (const head of columns) {
    const button = make("button", { type: "button", class: "sort", title: head.title || null }, head.textContent);
    button.addEventListener("click", () => sortBy(head.dataset.sort));
    head.replaceChildren(button);
  }
  for (const chip of document.querySelectorAll(".chip")) {
    chip.addEventListener("click", () => {
      const name = chip.dataset.state;
      if (!state.states.delete(name)) state.states.add(name);
      showFilter();
      writeState();
    });
  }
  byId("filter").addEventListener("input", (event) => {
    state.text = event.target.value;
    showFilter();
    writeState();
  });
  byId("tools").addEventListener("submit", (event) => event.preventDefault());
}

