// A small sweep, trained by the real program in a folder of its own, and what it said of itself
// while it trained: the values that a report must show.

import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const resweep = resolve(process.env.RESWEEP ?? "target/debug/resweep");

// Markup in every text that a sweep file can hold, and a run that diverges.
const SWEEP = `
[sweep]
name = "tiny"
title = "</title><script>document.title = 'broken'</script> <b>bold</b> & plain"
description = "<img src=x onerror=\\"document.title = 'broken'\\"> is only text"
repeats = 2

[data]
dataset = "synthetic"

[model]
depth = 8
image_size = 8
width = 4
shortcut = "A"

[train]
iterations = 40
batch_size = 16
eval_every = 10
log_every = 5
weight_decay = 0.5  # at a learning rate of 100, weights grow 49-fold each time

[axes]
lr = [0.05, 100]
`;

// The page's address and each run's points by its label: {label: {train: [[i, e]], eval, status}}.
export function trainSweep() {
  const folder = mkdtempSync(join(tmpdir(), "resweep-browser-"));
  writeFileSync(join(folder, "tiny.toml"), SWEEP);
  const run = (...args) => execFileSync(resweep, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const lines = run("run", "tiny.toml", "--report", "--progress", "json").trim().split("\n");
  const said = {};
  for (const event of lines.map((line) => JSON.parse(line)).filter((event) => event.label)) {
    const own = (said[event.label] ??= { train: [], eval: [], status: null });
    if (event.event === "trained") own.train.push([event.iteration, event.train_error_percent]);
    if (event.event === "evaluated") own.eval.push([event.iteration, event.error_percent]);
    if (event.event === "run-finished") own.status = event.status;
  }
  return { folder, said, url: pathToFileURL(join(folder, "results/tiny/report.html")).href };
}
