#!/usr/bin/env python3
"""Load networks that `resweep export --format checkpoints` wrote, and test them in PyTorch.

Prints the number of wrong test images beside the one that resweep recorded; exit code 1 where they
differ. The network is the CIFAR ResNet of make_fixtures.py, under the names that are usual there.

    pip install torch numpy safetensors
    resweep export experiments/fig6-short.toml --format checkpoints --to networks
    python tests/pytorch/load_checkpoint.py data/cifar10/cifar-10-batches-bin networks/*[0-9a-f].safetensors
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from make_fixtures import ResNet

# The file of test images, and the bytes of labels before each image; the last one is used.
LAYOUT = {"cifar10": ("test_batch.bin", 1), "cifar100": ("test.bin", 2)}


def description(path):
    """What resweep says of the network: its configuration, classes, recorded error."""
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["resweep"])


def network(path, about):
    model = about["config"]["model"]
    net = ResNet(model["shortcut"], model["depth"], model["width"], about["classes"])
    # strict: every parameter and every running statistic has to be there, and nothing else
    net.load_state_dict(load_file(path), strict=True)
    return net.eval()


def test_images(folder, dataset):
    """Pixels in 0..1, (images, 3, 32, 32), and labels."""
    name, labels = LAYOUT[dataset]
    records = np.fromfile(folder / name, np.uint8).reshape(-1, labels + 3072)
    images = torch.from_numpy(records[:, labels:].reshape(-1, 3, 32, 32).astype(np.float32) / 255)
    return images, torch.from_numpy(records[:, labels - 1].astype(np.int64))


def errors(net, images, labels, normalisation):
    """How many images the network gets wrong."""
    wrong = 0
    with torch.no_grad():
        for pixels, truth in zip(images.split(500), labels.split(500)):
            inputs = (pixels - normalisation["mean"]) / normalisation["std"].reshape(3, 1, 1)
            wrong += (net(inputs).argmax(1) != truth).sum().item()
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path, help="the folder of the official binary layout")
    parser.add_argument("networks", type=Path, nargs="+")
    args = parser.parse_args()
    differ = False
    for path in args.networks:
        about = description(path)
        config = about["config"]
        if config["data"]["dataset"] not in LAYOUT or config["model"]["image_size"] != 32:
            sys.exit(f"{path}: only networks for CIFAR at 32 x 32 pixels are tested here")
        images, labels = test_images(args.images, config["data"]["dataset"])
        normalisation = load_file(path.with_name(about["normalisation"]))
        wrong = errors(network(path, about), images, labels, normalisation)
        recorded = about["test_error_percent"]
        if recorded is None:
            print(f"{about['label']}: {wrong} of {len(labels)} wrong in PyTorch; resweep recorded no test error")
            continue
        expected = round(recorded * len(labels) / 100)
        differ |= wrong != expected
        print(f"{about['label']}: {wrong} of {len(labels)} wrong in PyTorch, {expected} in resweep")
    sys.exit(int(differ))


if __name__ == "__main__":
    main()
