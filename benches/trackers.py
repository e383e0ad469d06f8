#!/usr/bin/env python3
"""Record the same kind of things with resweep, Optuna, MLflow and Trackio; print a Markdown table.

Each program writes to a SQLite database in a new folder below target/, on the same disk, in a new
process, with the settings that it has by default; what these are is asked of its own connection.
Builds benches/load and measures resweep with it. Tools that this Python does not have are left
out. docs/benchmarks.md says what is counted.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import logging
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from cargo_bench import ROOT, Failed, build

# How many of each; few enough for some seconds, many enough to be steady.
TRIALS, REPORTS = 200, 1000
RUNS, METRICS, BATCHES = 100, 400, 20
# The most that MLflow takes at once; the same for Trackio.
BATCH = 1000
TRACKIO_BATCHES = 50
SYNCHRONOUS = ["OFF", "NORMAL", "FULL", "EXTRA"]


@dataclass
class Rate:
    """What one program did how often in a second."""

    program: str
    what: str
    kind: str  # what of resweep it is compared with: runs or rows
    per_second: float
    journal: str
    synchronous: str


def per_second(count, work):
    """How many of `count` things that `work` does are done in a second."""
    begin = time.perf_counter()
    work()
    return count / (time.perf_counter() - begin)


def modes(query):
    """The (journal, synchronous) of a connection, by its own answers to `query`."""
    return query("PRAGMA journal_mode").upper(), SYNCHRONOUS[int(query("PRAGMA synchronous"))]


def of_engine(engine):
    """The modes of SQLAlchemy's connections."""
    with engine.connect() as connection:
        return modes(lambda sql: str(connection.exec_driver_sql(sql).scalar()))


def version(name):
    return f"{name} {importlib.metadata.version(name.lower())}"


def optuna_rates(folder):
    """Trials that return at once, and intermediate values of one trial."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder}/optuna.db")
    sampler = optuna.samplers.RandomSampler(seed=1)
    study = optuna.create_study(storage=storage, sampler=sampler)
    trials = per_second(TRIALS, lambda: study.optimize(lambda trial: 0.0, n_trials=TRIALS))
    trial = study.ask()
    reports = per_second(REPORTS, lambda: [trial.report(0.5, step) for step in range(REPORTS)])
    of = of_engine(storage.engine)
    name = version("Optuna")
    return [
        Rate(name, "trials, one after the other", "runs", trials, *of),
        Rate(name, "intermediate values, `Trial.report`", "rows", reports, *of),
    ]


def mlflow_rates(folder):
    """Runs that are created and ended, and metrics of one run, singly and in batches."""
    import mlflow
    from mlflow.entities import Metric

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db")
    experiment = client.create_experiment("load", artifact_location=str(folder / "artifacts"))

    def runs():
        for _ in range(RUNS):
            client.set_terminated(client.create_run(experiment).info.run_id)

    def metrics(run):
        for step in range(METRICS):
            client.log_metric(run, "loss", 0.5, step=step)

    def batches(run):
        for batch in range(BATCHES):
            steps = range(batch * BATCH, (batch + 1) * BATCH)
            client.log_batch(run, metrics=[Metric("error", 0.5, 0, step) for step in steps])

    created = per_second(RUNS, runs)
    run = client.create_run(experiment).info.run_id
    single = per_second(METRICS, lambda: metrics(run))
    batched = per_second(BATCHES * BATCH, lambda: batches(run))
    of = of_engine(client._tracking_client.store.engine)
    name = version("MLflow")
    return [
        Rate(name, "runs, created and ended", "runs", created, *of),
        Rate(name, "metrics, `log_metric`", "rows", single, *of),
        Rate(name, f"metrics, `log_batch` of {BATCH}", "rows", batched, *of),
    ]


def trackio_rates(folder):
    """Rows of one run, by its storage layer alone: no server, no sending thread."""
    os.environ["TRACKIO_DIR"] = str(folder / "trackio")
    from trackio.sqlite_storage import SQLiteStorage

    database = SQLiteStorage.init_db("load")
    rows = [{"error_percent": 40.0, "loss": 0.5, "lr": 0.1}] * BATCH

    def batches():
        for batch in range(TRACKIO_BATCHES):
            steps = list(range(batch * BATCH, (batch + 1) * BATCH))
            SQLiteStorage.bulk_log("load", "run", rows, steps=steps)

    logged = per_second(TRACKIO_BATCHES * BATCH, batches)
    with SQLiteStorage._get_connection(database) as connection:
        of = modes(lambda sql: str(connection.execute(sql).fetchone()[0]))
    return [Rate(version("Trackio"), f"rows, `bulk_log` of {BATCH}", "rows", logged, *of)]


def resweep_rates(load, folder, quick):
    """Runs that end at once and rows, 64 workers reporting."""
    rates = []
    for kind, what in [("runs", "runs, 64 workers"), ("rows", "rows, 64 workers")]:
        here = folder / kind
        here.mkdir()
        command = [load, "--measure", kind, "--folder", here, *(["--quick"] if quick else [])]
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if ended.returncode != 0:
            raise Failed(f"benches/load --measure {kind} failed")
        answer = json.loads(ended.stdout)
        with closing(sqlite3.connect(here / "resweep.db")) as connection:
            journal = connection.execute("PRAGMA journal_mode").fetchone()[0].upper()
        # A connection's own, not the file's: crates/resweep-store/src/database.rs sets it.
        rates.append(Rate("resweep", what, kind, answer[kind] / answer["seconds"], journal, "FULL"))
    return rates


TOOLS = {"optuna": optuna_rates, "mlflow": mlflow_rates, "trackio": trackio_rates}


def tool_rates(tool, folder):
    """The rates of another program, measured in a new process."""
    command = [sys.executable, __file__, "--tool", tool, "--folder", folder]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if ended.returncode != 0:
        raise Failed(f"measuring {tool} failed")
    return [Rate(**rate) for rate in json.loads(ended.stdout.splitlines()[-1])]


def measure(load, options):
    """Every round's rates: a list of lists in the same order."""
    found = [tool for tool in TOOLS if importlib.util.find_spec(tool)]
    for tool in TOOLS.keys() - set(found):
        print(f"{sys.executable} has no {tool}: leaving it out", file=sys.stderr)
    programs = [lambda folder: resweep_rates(load, folder, options.quick)]
    programs += [lambda folder, tool=tool: tool_rates(tool, folder) for tool in found]
    rounds = []
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        rates = []
        for program in programs:
            with tempfile.TemporaryDirectory(prefix="trackers-", dir=ROOT / "target") as folder:
                rates += program(Path(folder))
        rounds.append(rates)
    return rounds


def table(rounds):
    """The Markdown lines: medians of the rounds, and how many times as fast resweep was."""
    medians = [(same[0], median(rate.per_second for rate in same)) for same in zip(*rounds)]
    ours = {rate.kind: value for rate, value in medians if rate.program == "resweep"}
    lines = ["| program | what | a second | resweep's rate by it | journal, synchronous |", "| --- | --- | --: | --: | --- |"]
    for rate, value in medians:
        ratio = "" if rate.program == "resweep" else f"{ours[rate.kind] / value:.0f}"
        lines.append(f"| {rate.program} | {rate.what} | {value:.0f} | {ratio} | {rate.journal}, {rate.synchronous} |")
    return lines


def main():
    parser = argparse.ArgumentParser(description="Record with resweep, Optuna, MLflow and Trackio, in turns.")
    parser.add_argument("--rounds", type=int, default=3, help="times that each program runs (default: 3)")
    parser.add_argument("--quick", action="store_true", help="less of resweep: to see that it works")
    parser.add_argument("--tool", choices=TOOLS, help="measure this program only and print a JSON line")
    parser.add_argument("--folder", type=Path, help="where it puts its database")
    options = parser.parse_args()
    try:
        if options.tool:
            print(json.dumps([asdict(rate) for rate in TOOLS[options.tool](options.folder)]))
            return
        print("\n".join(["### Beside other recorders", "", *table(measure(build("load"), options)), ""]))
    except (Failed, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
