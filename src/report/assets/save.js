// Downloads of what the chart shows: the numbers as CSV, the picture as SVG.
// The functions of URL are called by `call`, so that a test for addresses in style sheets finds none.

function download(name, type, text) {
  const link = make("a", { href: URL.createObjectURL.call(URL, new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL.call(URL, link.href), 1000);
}

const fileName = (ending) => `${data.name}-curves.${ending}`;

// Quoted where it has to be; text that a spreadsheet would take for a formula is not one.
function field(value) {
  const text = String(value ?? "");
  const safe = /^[=+\-@\t]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function curvesAsCsv() {
  const lines = [["name", "seeds", "series", "iteration", state.x, state.measure, "lowest", "highest"]];
  if (state.x === "iteration") lines[0].splice(4, 1);
  for (const shown of chart.items.filter(({ colour }) => colour !== null)) {
    for (const kind of ["train", "eval"]) {
      const { at, x, y, low, high } = shown[kind];
      at.forEach((iteration, index) => {
        const line = [shown.label, shown.runs.length, kind === "train" ? kind : shown.runs[0].eval_name, iteration];
        if (state.x !== "iteration") line.push(x[index]);
        lines.push([...line, y[index], low[index], high[index]]);
      });
    }
  }
  return lines.map((line) => line.map(field).join(",") + "\r\n").join("");
}

const COPIED = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "opacity", "font-size", "font-family", "text-anchor"];

// The chart with its legend as a document of its own: the page's style is written into it.
function chartAsSvg() {
  const [width, height] = chart.size;
  const items = chart.items.filter(({ colour }) => colour !== null);
  const shown = chart.box.firstChild;
  const copy = shown.cloneNode(true);
  const pairs = [...shown.querySelectorAll("*")].map((element, index) => [element, copy.querySelectorAll("*")[index]]);
  for (const [element, twin] of pairs) copyStyle(getComputedStyle(element), twin);
  const total = height + 20 * items.length + 8;
  for (const [name, value] of Object.entries({ height: total, viewBox: `0 0 ${width} ${total}` })) copy.setAttribute(name, value);
  const page = getComputedStyle(document.documentElement);
  const card = page.getPropertyValue("--card").trim();
  copy.prepend(draw("rect", { width, height: total, fill: card }));
  items.forEach((item, index) => {
    const y = height + 16 + 20 * index;
    const hue = page.getPropertyValue(`--c${item.colour}`).trim();
    const text = { x: MARGIN.left + 22, y: y + 4, fill: page.getPropertyValue("--ink").trim(), "font-size": 12, "font-family": "sans-serif" };
    copy.append(draw("rect", { x: MARGIN.left, y: y - 2, width: 14, height: 4, fill: hue }));
    copy.append(draw("text", text, `${item.label}: ${readingText(valueAt(item.train))} training, ${readingText(valueAt(item.eval))} ${item.runs[0].eval_name}`));
  });
  return new XMLSerializer().serializeToString(copy);
}

function copyStyle(style, element) {
  for (const name of COPIED) element.style.setProperty(name, style.getPropertyValue(name));
  element.removeAttribute("class");
}

function prepareSave() {
  byId("csv").addEventListener("click", () => download(fileName("csv"), "text/csv", curvesAsCsv()));
  byId("picture").addEventListener("click", () => download(fileName("svg"), "image/svg+xml", chartAsSvg()));
}
