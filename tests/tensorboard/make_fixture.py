#!/usr/bin/env python3
"""Write tests/tensorboard/golden.tfevents: what TensorBoard's own code writes for a small run.

tests/it/export.rs holds the program's bytes against it, checksums included.

    pip install tensorboard
    python tests/tensorboard/make_fixture.py
"""

from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto import types_pb2
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

STARTED, ENDED = 1700000000.25, 1700000060.5
SHAPE = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
TABLE = "| setting | value |\n|---|---|\n| data.dataset | folder\\|x |\n| train.lr | 0.1 |\n| train.nesterov | false |\n"


def event(step, *values):
    return Event(wall_time=STARTED, step=step, summary=Summary(value=values))


def scalar(tag, value):
    return Summary.Value(tag=tag, simple_value=value)


def hparams(tag, **data):
    content = plugin_data_pb2.HParamsPluginData(**data).SerializeToString(deterministic=True)
    plugin = SummaryMetadata.PluginData(plugin_name="hparams", content=content)
    tensor = TensorProto(dtype=types_pb2.DT_FLOAT, tensor_shape=SHAPE, float_val=[0.0])
    return Summary.Value(tag=tag, tensor=tensor, metadata=SummaryMetadata(plugin_data=plugin))


def events():
    yield Event(wall_time=STARTED, file_version="brain.Event:2")
    start = plugin_data_pb2.SessionStartInfo(start_time_secs=STARTED)
    start.hparams["data.dataset"].string_value = "folder|x"
    start.hparams["train.lr"].number_value = 0.1
    start.hparams["train.nesterov"].bool_value = False
    yield event(0, hparams("_hparams_/session_start_info", session_start_info=start))
    text = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    tensor = TensorProto(dtype=types_pb2.DT_STRING, tensor_shape=SHAPE, string_val=[TABLE.encode()])
    yield event(0, Summary.Value(tag="configuration/text_summary", tensor=tensor, metadata=text))
    train = [scalar("train/error_percent", 81.25), scalar("train/loss", 2.125), scalar("train/lr", 0.1)]
    yield event(100, *train, scalar("test/error_percent", 0.0), scalar("test/loss", 1.5))
    train = [scalar("train/error_percent", 50.0), scalar("train/loss", float("nan")), scalar("train/lr", 0.01)]
    yield event(70000, *train)
    yield event(80000, scalar("validation/error_percent", 12.5), scalar("validation/loss", 0.25))
    end = plugin_data_pb2.SessionEndInfo(status=1, end_time_secs=ENDED)
    yield event(0, hparams("_hparams_/session_end_info", session_end_info=end))


def main():
    with open(Path(__file__).parent / "golden.tfevents", "wb") as file:
        writer = RecordWriter(file)
        for each in events():
            writer.write(each.SerializeToString(deterministic=True))
        writer.flush()


if __name__ == "__main__":
    main()
