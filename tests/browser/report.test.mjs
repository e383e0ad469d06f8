// A report in a real browser: opened from the disk, clicked through, compared with what the sweep
// said of itself. `make browser` runs it; CHROMIUM names the browser, SCREENSHOTS a folder for
// pictures of the page, REPORT another report to take them of.

import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

import { trainSweep } from "./sweep.mjs";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

let browser;
let sweep;

before(async () => {
  sweep = trainSweep();
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  browser = await chromium.launch({ executablePath, args: FLAGS });
});

after(async () => {
  await browser?.close();
  if (sweep) rmSync(sweep.folder, { recursive: true });
});

// A page on the report, and everything that went wrong on it.
/** With `clock`, time in the page advances only with `page.clock`. */
async function open(url = sweep.url, { clock, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, ...options });
  const page = await context.newPage();
  if (clock) await page.clock.install({ time: clock });
  if (clock) await page.clock.pauseAt(clock + 1000);
  const wrong = [];
  page.on("console", (message) => wrong.push(message.text()));
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("request", (request) => {
    if (request.url().split("#")[0] !== url.split("#")[0]) wrong.push(`asked for ${request.url()}`);
  });
  await page.goto(url);
  return { page, wrong, close: () => context.close() };
}

const labels = (page) => page.locator("#table tbody tr:visible .run").allInnerTexts();
const last = (points) => points.at(-1)[1];
const row = (page, label) => page.locator("#table tbody tr", { hasText: label });
const legend = async (page, label) => page.locator("#legend tbody tr", { hasText: label }).locator("td").allInnerTexts();

function finished() {
  return Object.keys(sweep.said).filter((label) => sweep.said[label].status === "finished").sort();
}

test("hostile text is shown as it is, nothing is fetched and nothing complains", async () => {
  const { page, wrong, close } = await open();
  assert.match(await page.locator("h1").innerText(), /<script>.*<b>bold<\/b> & plain/);
  assert.match(await page.locator(".description").innerText(), /^<img src=x/);
  assert.equal(await page.locator("img, h1 b, h1 script").count(), 0);
  assert.doesNotMatch(await page.title(), /^broken/);
  assert.deepEqual(wrong, []);
  await close();
});

test("a click on a run draws its curves, and the legend has the values that were recorded", async () => {
  const { page, wrong, close } = await open();
  await page.click("#clear");
  assert.equal(await page.locator("polyline.curve").count(), 0);
  const [label] = finished();
  const { train, eval: evaluated } = sweep.said[label];
  await row(page, label).locator(".run").click();
  assert.equal(await page.locator("polyline.curve.train").count(), 1);
  const points = await page.locator("polyline.curve.eval").getAttribute("points");
  assert.equal(points.split(" ").length, evaluated.length);
  const [trained, tested] = await legend(page, label);
  assert.ok(Math.abs(trained - last(train)) <= 0.0051, `${trained}, ${last(train)}`);
  assert.ok(Math.abs(tested - last(evaluated)) <= 0.0051, `${tested}, ${last(evaluated)}`);
  assert.deepEqual(wrong, []);
  await close();
});

test("the crosshair reads the recorded values, by pointer and by key", async () => {
  const { page, close } = await open();
  const [label] = finished();
  const { train } = sweep.said[label];
  await page.locator("#chart").scrollIntoViewIfNeeded();
  const box = await page.locator("#chart > svg").boundingBox();
  const middle = box.x + 44 + (box.width - 54) * (20 / 40);
  await page.mouse.move(middle, box.y + 100);
  assert.equal(await page.locator("#at").innerText(), "at iteration 20");
  const [trained] = await legend(page, label);
  assert.ok(Math.abs(trained - train.find(([i]) => i === 20)[1]) <= 0.0051);
  await page.mouse.move(0, 0);
  assert.equal(await page.locator("#at").innerText(), "last values");
  await page.locator("#chart").focus();
  await page.keyboard.press("Home");
  assert.equal(await page.locator("#at").innerText(), "at iteration 5");
  await page.keyboard.press("ArrowRight");
  assert.match(await page.locator("#spoken").innerText(), /^Iteration 10\. .*training/);
  await close();
});

test("a drag zooms, the address keeps it, and a double click shows all again", async () => {
  const { page, wrong, close } = await open();
  await page.locator("#chart").scrollIntoViewIfNeeded();
  const box = await page.locator("#chart > svg").boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width - 20, box.y + 62, { steps: 3 });
  assert.ok(await page.locator(".drag").isVisible());
  await page.mouse.up();
  const zoomed = () => page.evaluate(() => new URLSearchParams(location.hash.slice(1)).get("zoom"));
  const [from, to] = (await zoomed()).split(",").map(Number);
  assert.ok(from > 15 && to <= 40 && from < to, `${from} to ${to}`);
  await page.reload();
  assert.ok(await page.locator("#reset").isVisible());
  await page.dblclick("#chart");
  assert.equal(await zoomed(), null);
  await page.locator("#chart").focus();
  await page.keyboard.press("+");
  assert.ok(await zoomed());
  await page.keyboard.press("0");
  assert.equal(await zoomed(), null);
  assert.deepEqual(wrong, []);
  await close();
});

test("means over seeds, smoothing, losses, epochs and time are drawn and kept", async () => {
  const { page, wrong, close } = await open();
  await page.click("#clear");
  const [one, other] = finished();
  await row(page, one).locator(".run").click();
  await page.check("#mean");
  const end = (label) => last(sweep.said[label].eval);
  assert.equal(await page.locator("#legend tbody th").innerText(), `${one.replace(/ seed .*/, "")} mean of 2 seeds`);
  const [, tested] = await legend(page, "mean of 2 seeds");
  assert.ok(Math.abs(parseFloat(tested) - (end(one) + end(other)) / 2) <= 0.0051, tested);
  assert.ok((await page.locator("polygon.band").count()) > 0);
  await page.uncheck("#mean");
  const points = () => page.locator("polyline.curve.train").getAttribute("points");
  const raw = await points();
  await page.selectOption("#smooth", "5");
  assert.notEqual(await points(), raw);
  await page.selectOption("#measure", "loss");
  assert.equal(await page.locator("#legend thead th").nth(1).innerText(), "training loss");
  const [trained] = await legend(page, one);
  assert.match(trained, /^\d\.\d{3,4}$/);
  for (const [unit, name] of [["epoch", "epoch"], ["time", /^time \((s|min)\)$/]]) {
    await page.selectOption("#x", unit);
    const names = await page.locator("#chart .name").allTextContents();
    assert.ok(names.some((text) => text.match(name)), names.join());
  }
  await page.reload();
  assert.equal(await page.locator("#x").inputValue(), "time");
  assert.equal(await page.locator("#smooth").inputValue(), "5");
  assert.deepEqual(wrong, []);
  await close();
});

test("the curves can be saved as numbers and as a picture", async () => {
  const { page, wrong, close } = await open();
  await page.click("#clear");
  const [label] = finished();
  await row(page, label).locator(".run").click();
  const save = async (button) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.click(button)]);
    return [download.suggestedFilename(), readFileSync(await download.path(), "utf8")];
  };
  const [name, csv] = await save("#csv");
  assert.equal(name, "tiny-curves.csv");
  const lines = csv.trim().split("\r\n");
  const { train, eval: evaluated } = sweep.said[label];
  assert.equal(lines.length, 1 + train.length + evaluated.length);
  const [iteration, error] = evaluated.at(-1);
  assert.ok(lines.at(-1).startsWith(`${label},1,test,${iteration},${Number(error.toFixed(6))}`), lines.at(-1));
  const [picture, svg] = await save("#picture");
  assert.equal(picture, "tiny-curves.svg");
  assert.match(svg, /^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
  assert.ok(svg.includes(label) && !svg.includes("class="));
  assert.deepEqual(wrong, []);
  await close();
});

test("settings filter runs by their values", async () => {
  const { page, wrong, close } = await open();
  const all = Object.keys(sweep.said).sort();
  for (const [text, wanted] of [
    ["lr=0.05", (label) => label.includes("lr=0.05")],
    ["lr>1", (label) => label.includes("lr=100")],
    ["depth=8 seed=2", (label) => label.endsWith("seed 2")],
    ["depth=14", () => false],
  ]) {
    await page.fill("#filter", text);
    assert.deepEqual((await labels(page)).sort(), all.filter(wanted), text);
  }
  assert.deepEqual(wrong, []);
  await close();
});

test("columns sort both ways, with runs without a value last", async () => {
  const { page, close } = await open();
  const byTest = finished().sort((a, b) => last(sweep.said[a].eval) - last(sweep.said[b].eval));
  const button = page.getByRole("button", { name: "test %" });
  await button.click();
  const head = page.locator("th[data-sort=eval]");
  assert.equal(await head.getAttribute("aria-sort"), "ascending");
  const shown = (await labels(page)).filter((label) => byTest.includes(label));
  const errors = (order) => order.map((label) => last(sweep.said[label].eval));
  assert.deepEqual(errors(shown), errors(byTest));
  await button.click();
  assert.equal(await head.getAttribute("aria-sort"), "descending");
  const turned = (await labels(page)).filter((label) => byTest.includes(label));
  assert.deepEqual(errors(turned), errors(byTest).reverse());
  await close();
});

test("text and states filter, and the address keeps the view over a reload", async () => {
  const { page, wrong, close } = await open();
  await page.keyboard.press("/");
  await page.keyboard.type("SEED 2");
  const all = Object.keys(sweep.said);
  assert.deepEqual((await labels(page)).sort(), all.filter((label) => label.includes("seed 2")).sort());
  await page.locator(".chip[data-state=diverged]").click();
  assert.equal((await labels(page)).length, 1);
  assert.equal(await page.locator("#shown").innerText(), "1 of 4 runs");
  await page.locator("#table tr:visible .more").click();
  await page.check("#log");
  await page.reload();
  assert.equal((await labels(page)).length, 1);
  assert.equal(await page.locator("#filter").inputValue(), "SEED 2");
  assert.ok(await page.locator("#log").isChecked());
  assert.match(await page.locator("tr.details").innerText(), /diverged at iteration \d+/);
  await page.fill("#filter", "no such run");
  assert.ok(await page.locator("#none").isVisible());
  assert.deepEqual(wrong, []);
  await close();
});

test("everything can be done with the keyboard", async () => {
  const { page, close } = await open();
  await page.click("#clear");
  await page.locator("#table tbody input").first().focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Space");
  const second = (await labels(page))[1];
  assert.equal(await page.locator("#legend tbody th").innerText(), second);
  await page.keyboard.press("Enter");
  const details = page.locator("tr.details");
  assert.match(await details.innerText(), /identity\s+[0-9a-f]{64}/);
  assert.match(await details.innerText(), /End of the log/);
  await details.locator("summary").focus();
  await page.keyboard.press("Enter");
  assert.match(await details.innerText(), /batch_size\s+16/);
  await close();
});

test("while its sweep runs, the page takes up the newest file and keeps the view", async () => {
  const path = fileURLToPath(sweep.url);
  const html = readFileSync(path, "utf8");
  const live = join(sweep.folder, "live.html");
  const now = Date.now();
  const written = (ms) =>
    html.replace(/"written_ms":\d+,"refresh_s":null/, `"written_ms":${ms},"refresh_s":10.0`);
  writeFileSync(live, written(now));
  const { page, wrong, close } = await open(pathToFileURL(live).href, { clock: now });
  assert.match(await page.locator("#refresh-text").innerText(), /every 10 s/);
  const [, second] = finished();
  await page.click("#clear");
  await row(page, second).locator(".run").click();
  writeFileSync(live, written(now).replace(">2 finished<", ">3 finished<"));
  await page.clock.runFor(11_000);
  await page.getByText("3 finished").waitFor({ timeout: 120_000 });
  assert.equal(await page.locator("#legend tbody th").innerText(), second);
  await page.click("#pause");
  assert.match(await page.locator("#refresh-text").innerText(), /does not/);
  writeFileSync(live, written(now - 60_000));
  await page.reload();
  await page.click("#pause");
  assert.match(await page.locator("#refresh-text").innerText(), /gone quiet/);
  assert.deepEqual(wrong, []);
  await close();
});

test("it fits a narrow screen and prints without its tools", async () => {
  const { page, close } = await open(sweep.url, { viewport: { width: 390, height: 844 } });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `${overflow} pixels too wide`);
  await page.emulateMedia({ media: "print" });
  assert.ok(!(await page.locator("#tools").isVisible()));
  assert.ok(await page.locator("#table").isVisible());
  await close();
});

test("figures follow the reader's setting; paper gets the light ones", async () => {
  for (const [colorScheme, shown, hidden] of [
    ["light", ".light", ".dark"],
    ["dark", ".dark", ".light"],
  ]) {
    const { page, close } = await open(sweep.url, { colorScheme });
    assert.ok(await page.locator(`figure ${shown} svg`).first().isVisible());
    assert.ok(!(await page.locator(`figure ${hidden} svg`).first().isVisible()));
    await page.emulateMedia({ media: "print", colorScheme });
    assert.ok(await page.locator("figure .light svg").first().isVisible());
    await close();
  }
});

test("pictures of it", { skip: !process.env.SCREENSHOTS }, async () => {
  const url = process.env.REPORT ? pathToFileURL(process.env.REPORT).href : sweep.url;
  const wide = { width: 1360, height: 900 };
  for (const [name, viewport, colorScheme] of [
    ["light", wide, "light"],
    ["dark", wide, "dark"],
    ["narrow", { width: 390, height: 844 }, "light"],
  ]) {
    const { page, close } = await open(url, { viewport, colorScheme });
    await page.screenshot({ path: join(process.env.SCREENSHOTS, `report-${name}.png`), fullPage: true });
    await close();
  }
});
