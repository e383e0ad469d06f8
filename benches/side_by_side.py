#!/usr/bin/env python3
"""Train the same networks with resweep and with PyTorch, in turns, and print Markdown tables.

Builds benches/step.rs and runs it and benches/pytorch.py from the same parameters on the same
images, step by step: resweep, PyTorch, PyTorch, resweep, resweep, ... Needs only Python's standard
library; where the Python that runs it has no PyTorch, resweep is measured alone.
docs/benchmarks.md says what the tables mean.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import mean, median, quantiles

from cargo_bench import ROOT, Failed, build

# (depth, shortcut)
NETS = [(20, "A"), (56, "A"), (110, "A"), (20, "none")]
# (threads of each run, runs at once)
SETTINGS = {"cpu": [(1, 1), (2, 1), (1, 2)], "cuda": [(1, 1), (1, 2), (1, 4)]}
# Seconds between two programs' turns: some OpenMP libraries let idle threads spin for 0.2 s.
PAUSE = 0.25
# Steps after which losses are compared: the first shows the forward pass, later ones the backward
# pass and the update too.
LATER_STEP = 3


def name_of_net(net):
    depth, shortcut = net
    return f"plain-{depth}" if shortcut == "none" else f"ResNet-{depth}"


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


def has_pytorch(device):
    """Whether this Python can run benches/pytorch.py on the device."""
    test = "import torch, safetensors" + ("; torch.zeros(1).cuda()" if device == "cuda" else "")
    check = subprocess.run([sys.executable, "-c", test], stderr=subprocess.DEVNULL)
    return check.returncode == 0


class Program:
    """Runs of one program at once, which do each step when they are told to, all at the same time."""

    def __init__(self, command, options, net, setting):
        """Say what to run; `start` starts it."""
        (depth, shortcut), (threads, runs) = net, setting
        given = {
            "--depth": depth,
            "--shortcut": shortcut,
            "--batch": options.batch,
            "--threads": threads,
            "--device": options.device,
            "--warmup": options.warmup,
            "--steps": options.steps,
            "--evaluations": options.evaluations,
        }
        self.command = [*command, "--wait", *(str(word) for pair in given.items() for word in pair)]
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

    def go_on(self):
        """Let every run do its next step."""
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
    """Let each program do `turns` steps and evaluations in all, in turns; return the last answers of each."""
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
                program.go_on()
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


def measure_all(step, pytorch, options):
    """Return, for each (net, setting), a list of rounds, each (of resweep, of PyTorch or None)."""
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for net in options.nets:
            start = Path(folder) / f"{name_of_net(net)}.safetensors"
            write = ["--depth", str(net[0]), "--shortcut", net[1], "--batch", str(options.batch)]
            if subprocess.run([step, *write, "--write-start", str(start)]).returncode != 0:
                raise Failed(f"cannot write the start of {name_of_net(net)}")
            commands = [[step]]
            if pytorch:
                commands.append([sys.executable, ROOT / "benches" / "pytorch.py", "--start", start])
            for setting in SETTINGS[options.device]:
                rounds = results.setdefault((net, setting), [])
                for number in range(options.rounds):
                    where = f"{name_of_net(net)}, {name_of_setting(setting, options.device)}"
                    print(f"{where}: round {number + 1} of {options.rounds}", file=sys.stderr)
                    programs = [Program(command, options, net, setting) for command in commands]
                    ours, *theirs = take_turns(programs, options.steps + options.evaluations)
                    rounds.append((measured(ours), measured(theirs[0]) if theirs else None))
    return results


def table(head, rows):
    """Return Markdown lines of a table whose first columns are text and the others numbers."""
    text_columns = sum(column.endswith("|") for column in head)
    head = [column.removesuffix("|") for column in head]
    rule = ["---"] * text_columns + ["--:"] * (len(head) - text_columns)
    return ["| " + " | ".join(cells) + " |" for cells in [head, rule, *rows]] + [""]


def times(results, key, device):
    """The table of one kind of time: medians over all turns of the rounds, and of the ratio in each turn."""
    rows, digits = [], 2 if device == "cuda" else 1
    for (net, setting), rounds in results.items():
        ours = [time for ours, _ in rounds for time in getattr(ours, key)]
        row = [name_of_net(net), name_of_setting(setting, device), f"{median(ours):.{digits}f}"]
        if rounds[0][1] is not None:
            theirs = [time for _, theirs in rounds for time in getattr(theirs, key)]
            ratios = [theirs / ours for ours, theirs in zip(ours, theirs)]
            low, middle, high = quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else 3 * ratios
            row += [f"{median(theirs):.{digits}f}", f"{middle:.2f}", f"{low:.2f} to {high:.2f}"]
        else:
            row += ["", "", ""]
        rows.append(row)
    return table(["net|", "setting|", "resweep, ms", "PyTorch, ms", "ratio", "quartiles"], rows)


def memory(results):
    """The table of resident memory in one run with one thread, the largest of the rounds."""
    number = lambda mib: "" if mib is None else f"{mib:.0f}"
    rows = []
    for (net, setting), rounds in results.items():
        if setting == (1, 1):
            row = [name_of_net(net)]
            for side in zip(*rounds):
                known = [one for one in side if one is not None and one.peak is not None]
                row.append(number(max((one.peak for one in known), default=None)))
                row.append(number(max((one.peak - one.idle for one in known), default=None)))
            rows.append(row)
    head = ["net|", "resweep: peak, MiB", "less idle, MiB", "PyTorch: peak, MiB", "less idle, MiB"]
    return table(head, rows)


def losses(results):
    """The table of losses: the same parameters and images have to give the same."""
    rows = []
    for (net, setting), rounds in results.items():
        ours, theirs = rounds[0]
        if setting == (1, 1):
            row = [name_of_net(net)]
            for step in (0, LATER_STEP - 1):
                row.append(f"{ours.losses[step]:.7f}")
                if theirs is not None:
                    row.append(f"{theirs.losses[step]:.7f}")
                    row.append(f"{abs(ours.losses[step] - theirs.losses[step]):.1e}")
                else:
                    row += ["", ""]
            rows.append(row)
    later = f"step {LATER_STEP}"
    head = ["net|", "step 1: resweep", "PyTorch", "difference", f"{later}: resweep", "PyTorch", "difference"]
    return table(head, rows)


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


def machine(results, options):
    """What was measured, where and how, as Markdown lines."""
    ours, theirs = next(iter(results.values()))[0]
    commit = output_of("git", "describe", "--always", "--dirty", "--abbrev=10") or "unknown"
    rustc = output_of("rustc", "--version")
    each = f"{options.steps} steps in turns after {options.warmup} that do not count, {options.evaluations} evaluations"
    return [
        f"- CPU: {cpu_name()}, {os.cpu_count()} cores seen by the system; {platform.system()}, {platform.machine()}",
        f"- {ours.program}, commit {commit}, {rustc}; computes with {ours.computes_with}",
        f"- {theirs.program}, Python {platform.python_version()}; computes with {theirs.computes_with}"
        if theirs
        else f"- PyTorch for {options.device} is not installed for this Python: resweep alone",
        f"- {date.today().isoformat()}; batch {options.batch}, 32x32; {options.rounds} rounds, in each {each}",
        "",
    ]


def report(results, options):
    """The whole of the Markdown."""
    lines = ["## Side by side", "", *machine(results, options)]
    lines += ["### Training: one step", "", *times(results, "steps", options.device)]
    lines += ["### Evaluation: one batch", "", *times(results, "evaluations", options.device)]
    if options.device == "cpu":
        lines += ["### Resident memory: one run, one thread", "", *memory(results)]
    lines += ["### Losses from the same start", "", *losses(results)]
    return "\n".join(lines)


def net_of(text):
    """A net from its name: ResNet-20, plain-56."""
    kind, _, depth = text.partition("-")
    if kind not in ("ResNet", "plain") or not depth.isdecimal() or int(depth) < 8 or int(depth) % 6 != 2:
        raise argparse.ArgumentTypeError(f"{text!r} is no net: expected ResNet-N or plain-N with N = 6n+2")
    return int(depth), "A" if kind == "ResNet" else "none"


def positive(text):
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above zero")
    return int(text)


def options():
    parser = argparse.ArgumentParser(description="Train the same networks with resweep and with PyTorch, in turns.")
    parser.add_argument("--nets", type=net_of, nargs="+", help="by default ResNet-20 -56 -110 and plain-20")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="cuda: by tools/cuda-bench.sh")
    parser.add_argument("--batch", type=positive, default=128)
    parser.add_argument("--rounds", type=positive, help="times that each program is started (default: 3)")
    parser.add_argument("--steps", type=positive, help="timed steps in a round (default: 10)")
    parser.add_argument("--evaluations", type=positive, help="timed evaluations in a round (default: 10)")
    parser.add_argument("--quick", action="store_true", help="one net, two rounds, two steps: to see that it works")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there instead of to standard output")
    given = parser.parse_args()
    given.nets = given.nets or (NETS[:1] if given.quick else NETS)
    for name, quick, full in [("rounds", 2, 3), ("steps", 2, 10), ("evaluations", 2, 10)]:
        setattr(given, name, getattr(given, name) or (quick if given.quick else full))
    # The first steps find their memory and choose their kernels.
    given.warmup = LATER_STEP
    return given


def main():
    given = options()
    try:
        step = build("step", cuda=given.device == "cuda")
        pytorch = has_pytorch(given.device)
        if not pytorch:
            print(f"{sys.executable} has no PyTorch for {given.device}: measuring resweep alone", file=sys.stderr)
        text = report(measure_all(step, pytorch, given), given)
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
