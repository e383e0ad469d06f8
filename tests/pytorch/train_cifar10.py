#!/usr/bin/env python3
"""Train a CIFAR-10 network in PyTorch as resweep does, to hold the two against each other.

Same images, augmentation, initialisation and SGD; the random streams are PyTorch's own, so only
means over seeds can be compared. Prints the mean loss and training error of the last interval.

    pip install torch numpy
    python tests/pytorch/train_cifar10.py data/cifar10/cifar-10-batches-bin --depth 20 --seeds 1 2 3
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from make_fixtures import ResNet


def load(folder):
    """The training images less their mean image, (50000, 3, 32, 32), and their labels."""
    records = np.concatenate([np.fromfile(folder / f"data_batch_{n}.bin", np.uint8) for n in range(1, 6)])
    records = records.reshape(-1, 3073)
    images = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 255)
    return images - images.mean(0), torch.from_numpy(records[:, 0].astype(np.int64))


def batches(images, labels, batch_size, generator):
    """Endless batches of random crops, padded by 4, every second one mirrored."""
    images = F.pad(images, (4, 4, 4, 4))
    while True:
        order = torch.randperm(len(images), generator=generator)
        for chosen in order.split(batch_size):
            if len(chosen) < batch_size:
                continue
            views = []
            for top, left, mirrored in zip(*(torch.randint(n, (batch_size,), generator=generator) for n in (9, 9, 2))):
                view = images[chosen[len(views)], :, top : top + 32, left : left + 32]
                views.append(view.flip(-1) if mirrored else view)
            yield torch.stack(views), labels[chosen]


def train(data, args, seed):
    torch.manual_seed(seed)
    net = ResNet(args.shortcut, depth=args.depth, width=args.width)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
    net = net.to(memory_format=torch.channels_last)
    sgd = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
    losses, errors = [], []
    stream = batches(*data, args.batch_size, torch.Generator().manual_seed(seed))
    for _, (images, labels) in zip(range(args.iterations), stream):
        logits = net(images.to(memory_format=torch.channels_last))
        loss = F.cross_entropy(logits, labels)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        losses.append(loss.item())
        errors.append(100 * (logits.argmax(1) != labels).float().mean().item())
    return np.mean(losses[-args.interval :]), np.mean(errors[-args.interval :])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--shortcut", default="A", choices=["none", "A", "B", "C"])
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--iterations", type=int, default=400)
    parser.add_argument("--interval", type=int, default=100)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    args = parser.parse_args()
    data = load(args.folder)
    for seed in args.seeds:
        loss, error = train(data, args, seed)
        print(f"seed {seed}: loss {loss:.4f}, training error {error:.2f} %", flush=True)


if __name__ == "__main__":
    main()
