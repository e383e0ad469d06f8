#!/usr/bin/env python3
"""Train the same networks with resweep and with PyTorch's modes, in turns, and print Markdown tables.

Builds benches/step.rs and runs it and benches/pytorch.py, once for each mode, from the same
parameters on the same images, step by step: forward through the programs, then backward. Needs
only Python's standard library; without PyTorch, resweep is measured alone. docs/benchmarks.md
explains the tables.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import mean, median, quantiles

from cargo_bench import ROOT, Failed, build

# (threads of each run, runs at once)
SETTINGS = {"cpu": [(1, 1), (2, 1), (1, 2)], "cuda": [(1, 1), (1, 2), (1, 4)]}
# Seconds between two programs' turns: some OpenMP libraries let idle threads spin for 0.2 s.
PAUSE = 0.25
# Steps after which losses are compared: the first shows the forward pass, later ones the backward
# pass and the update too.
LATER_STEP = 3


# PyTorch's modes on each device; the first is the one that others are compared with.
MODES = {"cpu": ["eager", "compile", "bf16", "compile+bf16"], "cuda": ["eager"]}


@dataclass(frozen=True)
class Net:
    """A network, and its batches of `batch` images of `size` x `size` pixels."""

    depth: int
    shortcut: str = "A"
    width: int = 16
    size: int = 32
    batch: int = 128

    def __str__(self):
        kind = "plain" if self.shortcut == "none" else "ResNet"
        settings = (self.width, self.size, self.batch)
        small = "" if settings == (16, 32, 128) else ":{}x{}x{}".format(*settings)
        return f"{kind}-{self.depth}{small}"

    def options(self):
        return [
            *("--depth", self.depth, "--shortcut", self.shortcut, "--width", self.width),
            *("--image-size", self.size, "--batch", self.batch),
        ]


# The paper's nets, then those of experiments/quickstart.toml and experiments/construction.toml.
NETS = [Net(20), Net(56), Net(110), Net(20, "none")]
NETS += [Net(20, "none", 8, 16, 64), Net(56, "A", 8, 16, 64), Net(56, "none", 8, 16, 128)]


def name_of_setting(setting, device):
    threads, runs = setting
    if device == "cuda":
        return "1 run" if runs == 1 else f"{runs} runs at once, a process each"
    each = f"{threads} thread{'s' if threads > 1 else ''}"
    return each if runs == 1 else f"{runs} runs at once, {each} each"


@dataclass
class Measured:
    """What one program did in one round; times in milliseconds, memory in MiB or None."""

    steps: list
    evaluations: list
    losses: list
    idle: float
    peak: float
    program: str
    computes_with: str


def pytorch(mode):
    """The command that runs benches/pytorch.py in a mode."""
    return [sys.executable, ROOT / "benches" / "pytorch.py", "--mode", mode]


def working_modes(options):
    """Those of the modes in which this Python can run benches/pytorch.py on the device."""
    tiny = ["--device", options.device, "--depth", "8", "--batch", "2", "--warmup", "1", "--steps", "1"]
    works = {}
    for mode in options.modes:
        check = subprocess.run([*pytorch(mode), *tiny], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        works[mode] = check.returncode == 0
        if not works[mode]:
            reason = check.stderr.strip().splitlines()[-1:] or ["no message"]
            print(f"PyTorch, {mode}: left out ({reason[0]})", file=sys.stderr)
    return [mode for mode in options.modes if works[mode]]


class Program:
    """Processes of one program that start each turn at the same time, when `start_turn` is called."""

    def __init__(self, command, options, net, setting):
        """Say what to run; `start` starts it."""
        threads, runs = setting
        given = {
            "--threads": threads,
            "--device": options.device,
            "--warmup": options.warmup,
            "--steps": options.steps,
            "--evaluations": options.evaluations,
            "--per-turn": options.per_turn,
        }
        words = [*net.options(), *(word for pair in given.items() for word in pair)]
        self.command = [*command, "--wait", *map(str, words)]
        self.runs = runs
        self.processes = []

    def start(self):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        for _ in range(self.runs):
            self.processes.append(subprocess.Popen(self.command, **pipes))

    def answers(self):
        """Wait until every run has ended what it does; return the line that each has printed."""
        return [self.answer_of(process) for process in self.processes]

    def answer_of(self, process):
        line = process.stdout.readline().strip()
        if not line:
            raise Failed(f"no answer from: {' '.join(map(str, self.command))}")
        return line

    def start_turn(self):
        """Start the next turn of every process."""
        try:
            for process in self.processes:
                process.stdin.write("\n")
        except BrokenPipeError:
            raise Failed(f"ended too early: {' '.join(map(str, self.command))}") from None

    def kill(self):
        for process in self.processes:
            process.kill()

    def wait(self):
        for process in self.processes:
            process.communicate()


def take_turns(programs, turns):
    """Let each program do `turns` turns of steps and of evaluations in all; return the last answers of each."""
    try:
        for program in programs:
            program.start()
        answers = [program.answers() for program in programs]
        for turn in range(turns):
            order = list(enumerate(programs))
            for index, program in order if turn % 2 == 0 else reversed(order):
                if any(answer != "ready" for answer in answers[index]):
                    raise Failed(f"unexpected answer from: {' '.join(map(str, program.command))}")
                time.sleep(PAUSE)
                program.start_turn()
                answers[index] = program.answers()
        return answers
    finally:
        for program in programs:
            program.kill()
        for program in programs:
            program.wait()


def measured(answers):
    """The `Measured` of one program's runs; its times are the means over runs at once."""
    lines = [json.loads(answer) for answer in answers]
    largest = lambda key: max((line[key] for line in lines if line[key] is not None), default=None)
    times = lambda key: [mean(together) for together in zip(*(line[key] for line in lines))]
    return Measured(
        steps=times("step_ms"),
        evaluations=times("evaluation_ms"),
        losses=lines[0]["losses"],
        idle=largest("idle_mib"),
        peak=largest("peak_mib"),
        program=lines[0]["program"],
        computes_with=lines[0]["computes_with"],
    )


def measure_all(step, modes, options):
    """Return, for each (net, setting), a list of rounds: from "resweep" and each mode to a `Measured`."""
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for net in options.nets:
            start = Path(folder) / f"{net}.safetensors"
            if subprocess.run([step, *map(str, net.options()), "--write-start", start]).returncode != 0:
                raise Failed(f"cannot write the start of {net}")
            commands = {"resweep": [step]} | {mode: [*pytorch(mode), "--start", start] for mode in modes}
            for setting in SETTINGS[options.device]:
                rounds = results.setdefault((net, setting), [])
                for number in range(options.rounds):
                    where = f"{net}, {name_of_setting(setting, options.device)}"
                    print(f"{where}: round {number + 1} of {options.rounds}", file=sys.stderr)
                    programs = [Program(command, options, net, setting) for command in commands.values()]
                    answers = take_turns(programs, options.steps + options.evaluations)
                    rounds.append({name: measured(answer) for name, answer in zip(commands, answers)})
    return results


def table(head, rows):
    """Return Markdown lines of a table whose first columns are text and the others numbers."""
    text_columns = sum(column.endswith("|") for column in head)
    head = [column.removesuffix("|") for column in head]
    rule = ["---"] * text_columns + ["--:"] * (len(head) - text_columns)
    return ["| " + " | ".join(cells) + " |" for cells in [head, rule, *rows]] + [""]


def ratio(rounds, key, mode):
    """The quartiles, over all turns, of a mode's time divided by resweep's in the same turn."""
    pairs = [zip(getattr(one[mode], key), getattr(one["resweep"], key)) for one in rounds]
    ratios = [theirs / ours for turns in pairs for theirs, ours in turns]
    return quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else 3 * ratios


def times(results, key, device, modes):
    """The table of one kind of time: medians over all turns of the rounds, and of the ratio in each turn."""
    rows, digits = [], 2 if device == "cuda" else 1
    for (net, setting), rounds in results.items():
        middle = {
            name: median(time for one in rounds for time in getattr(one[name], key)) for name in ["resweep", *modes]
        }
        row = [str(net), name_of_setting(setting, device), *(f"{time:.{digits}f}" for time in middle.values())]
        if modes:
            low, half, high = ratio(rounds, key, modes[0])
            best = min(modes, key=middle.get)
            row += [f"{half:.2f}", f"{low:.2f} to {high:.2f}", f"{ratio(rounds, key, best)[1]:.2f} ({best})"]
        rows.append(row)
    head = ["net|", "setting|", "resweep, ms", *(f"{mode}, ms" for mode in modes)]
    if modes:
        head += [f"{modes[0]} / resweep", "quartiles", "best / resweep"]
    return table(head, rows)


def memory(results, modes):
    """The table of resident memory in one run with one thread, the largest of the rounds."""
    number = lambda mib: "" if mib is None else f"{mib:.0f}"
    rows = []
    for (net, setting), rounds in results.items():
        if setting == (1, 1):
            row = [str(net)]
            for name in ["resweep", *modes]:
                known = [one[name] for one in rounds if one[name].peak is not None]
                peak = max((one.peak for one in known), default=None)
                above = max((one.peak - one.idle for one in known), default=None)
                row.append(f"{number(peak)} ({number(above)})")
            rows.append(row)
    return table(["net|", "resweep, MiB", *(f"{mode}, MiB" for mode in modes)], rows)


def losses(results, modes):
    """The table of losses: the same parameters and images give the same, up to the precision."""
    rows = []
    for (net, setting), rounds in results.items():
        if setting == (1, 1):
            ours = rounds[0]["resweep"].losses
            for step in (0, LATER_STEP - 1):
                theirs = (rounds[0][mode].losses[step] - ours[step] for mode in modes)
                row = [str(net), f"step {step + 1}", f"{ours[step]:.7f}"]
                rows.append(row + [f"{difference:+.1e}" for difference in theirs])
    return table(["net|", "step|", "resweep", *(f"{mode} - resweep" for mode in modes)], rows)


def cpu_name():
    """The CPU's name as the system knows it."""
    try:
        with open("/proc/cpuinfo") as info:
            return next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def output_of(*command):
    """A short command's output, or an empty string where it fails."""
    try:
        ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        return ""
    return ended.stdout.strip() if ended.returncode == 0 else ""


def machine(results, options, modes):
    """What was measured, where and how, as Markdown lines."""
    first = next(iter(results.values()))[0]
    ours, theirs = first["resweep"], first[modes[0]] if modes else None
    commit = output_of("git", "describe", "--always", "--dirty", "--abbrev=10") or "unknown"
    rustc = output_of("rustc", "--version")
    each = f"{options.steps} turns of {options.per_turn} steps after {options.warmup} that do not count"
    each += f", {options.evaluations} turns of {options.per_turn} evaluations"
    return [
        f"- CPU: {cpu_name()}, {os.cpu_count()} cores seen by the system; {platform.system()}, {platform.machine()}",
        f"- {ours.program}, commit {commit}, {rustc}; computes with {ours.computes_with}",
        f"- {theirs.program}, Python {platform.python_version()}; computes with {theirs.computes_with}"
        if theirs
        else f"- PyTorch for {options.device} is not installed for this Python: resweep alone",
        f"- {date.today().isoformat()}; {options.rounds} rounds, in each {each}",
        "",
    ]


def report(results, options, modes):
    """The whole of the Markdown."""
    lines = ["## Side by side", "", *machine(results, options, modes)]
    lines += ["### Training: one step", "", *times(results, "steps", options.device, modes)]
    lines += ["### Evaluation: one batch", "", *times(results, "evaluations", options.device, modes)]
    if options.device == "cpu":
        lines += ["### Resident memory: peak (less idle), one run, one thread", "", *memory(results, modes)]
    lines += ["### Losses from the same start", "", *losses(results, modes)]
    return "\n".join(lines)


def net_of(text):
    """A net from its name: ResNet-20, plain-56, ResNet-20:8x16x64 (width, pixels, batch)."""
    found = re.fullmatch(r"(ResNet|plain)-(\d+)(?::(\d+)x(\d+)x(\d+))?", text)
    if not found or int(found[2]) < 8 or int(found[2]) % 6 != 2:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no net: expected ResNet-N or plain-N with N = 6n+2, and :WIDTHxPIXELSxBATCH for small ones"
        )
    small = [int(number) for number in found.groups()[2:] if number]
    return Net(int(found[2]), "A" if found[1] == "ResNet" else "none", *small)


def positive(text):
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above zero")
    return int(text)


def options():
    parser = argparse.ArgumentParser(description="Train the same networks with resweep and with PyTorch, in turns.")
    nets = "ResNet-20, plain-56, ResNet-20:8x16x64 (width, pixels, batch), ...; by default seven"
    parser.add_argument("--nets", type=net_of, nargs="+", metavar="NET", help=nets)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="cuda: by tools/cuda-bench.sh")
    parser.add_argument("--modes", nargs="+", metavar="MODE", help=f"PyTorch's modes: {', '.join(MODES['cpu'])}")
    parser.add_argument("--rounds", type=positive, help="times that each program is started (default: 3)")
    parser.add_argument("--steps", type=positive, help="timed turns of steps in a round (default: 5)")
    parser.add_argument("--evaluations", type=positive, help="timed turns of evaluations in a round (default: 5)")
    parser.add_argument("--per-turn", type=positive, help="steps, or evaluations, in a turn (default: 4)")
    parser.add_argument("--quick", action="store_true", help="one net, two rounds, two turns of two: to see that it works")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there instead of to standard output")
    given = parser.parse_args()
    given.nets = given.nets or (NETS[:1] if given.quick else NETS)
    given.modes = given.modes or MODES[given.device]
    for name, quick, full in [("rounds", 2, 3), ("steps", 2, 5), ("evaluations", 2, 5), ("per_turn", 2, 4)]:
        setattr(given, name, getattr(given, name) or (quick if given.quick else full))
    # The first steps find their memory and choose their kernels.
    given.warmup = LATER_STEP
    return given


def main():
    given = options()
    try:
        step = build("step", cuda=given.device == "cuda")
        modes = working_modes(given)
        if not modes:
            print(f"{sys.executable} has no PyTorch for {given.device}: measuring resweep alone", file=sys.stderr)
        text = report(measure_all(step, modes, given), given, modes)
        if given.output is None:
            print(text)
        else:
            given.output.parent.mkdir(parents=True, exist_ok=True)
            given.output.write_text(text + "\n", encoding="utf-8")
    except (Failed, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
