#!/usr/bin/env python3
"""Read exported event files with TensorBoard's own reader and hold them against the JSON Lines export.

    pip install tensorboard
    resweep export my.toml --format tensorboard --to log
    resweep export my.toml --format jsonl --to tables
    python tests/tensorboard/check.py log tables

Every point has to be there, with its iteration and, as float32, its value; nothing else may be.
The settings have to reach the HParams page, and the table of settings the Text page.
"""

import argparse
import json
import struct
from collections import defaultdict
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata, plugin_data_pb2
from tensorboard.util import tensor_util


def float32(value):
    return struct.unpack("<f", struct.pack("<f", float("nan") if value is None else value))[0]


def expected_points(tables):
    """For each run the scalars of points.jsonl: tag -> [(iteration, value)]."""
    runs = defaultdict(lambda: defaultdict(list))
    for line in (tables / "points.jsonl").read_text().splitlines():
        point = json.loads(line)
        names = ["error_percent", "loss"] + (["lr"] if point["set"] == "train" else [])
        for name in names:
            tag = f"{point['set']}/{name}"
            runs[point["run"]][tag].append((point["iteration"], float32(point[name])))
    return runs


def toml(value):
    """A list or a table as a sweep file has it."""
    if isinstance(value, list):
        return "[" + ",".join(map(toml, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(value[key])}" for key in sorted(value)) + " }"
    return json.dumps(value)


def same(found, expected):
    """NaN is the same as NaN."""
    return [(i, repr(v)) for i, v in found] == [(i, repr(v)) for i, v in expected]


def settings(accumulator):
    """What the HParams plugin gets of a run: names to values."""
    contents = accumulator.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    data = plugin_data_pb2.HParamsPluginData.FromString(contents)
    return {name: getattr(v, v.WhichOneof("kind")) for name, v in data.session_start_info.hparams.items()}


def check(folder, run, expected):
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0}).Reload()
    assert sorted(accumulator.Tags()["scalars"]) == sorted(expected), accumulator.Tags()["scalars"]
    points = 0
    for tag, values in expected.items():
        found = [(event.step, event.value) for event in accumulator.Scalars(tag)]
        assert same(found, values), (folder, tag, found[:3], values[:3])
        points += len(found)
    hparams = settings(accumulator)
    for name, value in hparams.items():
        stored = run[name]
        stored = stored if isinstance(stored, (str, int, float, bool)) else toml(stored)
        assert value == stored, (name, value, stored)
    assert "train.lr" in hparams and "seed" in hparams, sorted(hparams)
    text = accumulator.Tensors("configuration/text_summary")[0].tensor_proto
    table = tensor_util.make_ndarray(text)[0].decode()
    assert all(f"| {name} |" in table for name in hparams)
    return points


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log", type=Path)
    parser.add_argument("tables", type=Path)
    args = parser.parse_args()
    points = expected_points(args.tables)
    runs = [json.loads(line) for line in (args.tables / "runs.jsonl").read_text().splitlines()]
    total = 0
    for run in runs:
        (folder,) = args.log.glob(f"*-{run['run'][:12]}")
        total += check(folder, run, points[run["run"]])
    print(f"TensorBoard reads {len(runs)} runs with {total} scalars, all as recorded")


if __name__ == "__main__":
    main()
