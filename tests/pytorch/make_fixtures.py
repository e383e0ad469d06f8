#!/usr/bin/env python3
"""Write the reference values that tests/it/pytorch_parity.rs holds the training against.

A small network for each shortcut type (and once more with Nesterov momentum and weight decay on
the weights only) is trained for three steps in PyTorch in float64; the values go, rounded to
float32, into tests/pytorch/<case>.safetensors beside this script. The
same steps are taken in PyTorch's float32, and the largest error of that against float64 is printed
for each kind of value: it is what the tolerances of the test are measured by.

    pip install torch numpy safetensors
    python tests/pytorch/make_fixtures.py
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from torch import nn

DEPTH, WIDTH, SIZE, CLASSES, BATCH, STEPS = 14, 3, 8, 10, 6, 3
LR, MOMENTUM, WEIGHT_DECAY = 0.05, 0.9, 1e-3


class SubsampleAndPad(nn.Module):
    """Option A: every second pixel, zeros for the new channels after the old ones."""

    def __init__(self, new_channels):
        super().__init__()
        self.new_channels = new_channels

    def forward(self, x):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.new_channels))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride, shortcut):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        grows = inputs != outputs
        self.plain = shortcut == "none"
        if shortcut == "C" or (shortcut == "B" and grows):
            projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(outputs))
        elif shortcut == "A" and grows:
            self.downsample = SubsampleAndPad(outputs - inputs)
        else:
            self.downsample = nn.Identity()

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y if self.plain else y + self.downsample(x))


class ResNet(nn.Module):
    """The CIFAR-10 networks of section 4.2 of the paper."""

    def __init__(self, shortcut, depth=DEPTH, width=WIDTH, classes=CLASSES):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        inputs = width
        for stage in range(3):
            outputs = width * 2**stage
            blocks = []
            for position in range((depth - 2) // 6):
                stride = 2 if stage > 0 and position == 0 else 1
                blocks.append(Block(inputs, outputs, stride, shortcut))
                inputs = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


def train(net, images, labels, variant):
    """Three SGD steps; returns every value that the test compares, by name."""
    values = {}
    # weight decay on everything, or only on the weights of convolutions and of the last layer
    weights = [p for p in net.parameters() if variant == "all" or p.dim() > 1]
    others = [p for p in net.parameters() if not (variant == "all" or p.dim() > 1)]
    groups = [{"params": weights, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0}]
    optimiser = torch.optim.SGD(groups, LR, MOMENTUM, nesterov=variant == "nesterov-weights")
    for step in range(STEPS):
        logits = net(images[step])
        loss = F.cross_entropy(logits, labels[step])
        optimiser.zero_grad()
        loss.backward()
        values[f"loss.{step}"] = loss.detach().reshape(1)
        if step == 0:
            values["logits.train"] = logits.detach().clone()
            for name, parameter in net.named_parameters():
                values[f"gradient.{name}"] = parameter.grad.clone()
        optimiser.step()
    for name, value in net.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            values[f"final.{name}"] = value.clone()
    net.eval()
    with torch.no_grad():
        values["logits.eval"] = net(images[0])
    return values


def main():
    torch.set_num_threads(1)
    cases = [("none", "all"), ("A", "all"), ("B", "all"), ("C", "all"), ("B", "nesterov-weights")]
    for seed, (shortcut, variant) in enumerate(cases):
        name_of_case = shortcut if variant == "all" else f"{shortcut}-{variant}"
        torch.manual_seed(seed)
        net = ResNet(shortcut)
        for name, parameter in net.named_parameters():
            if ".bn" in name or name.startswith("bn") or "downsample.1" in name:
                # gamma and beta away from 1 and 0, so that a mistake in them shows
                nn.init.uniform_(parameter, 0.5, 1.5) if name.endswith("weight") else nn.init.normal_(parameter, 0, 0.2)
            elif parameter.dim() == 4:
                nn.init.kaiming_normal_(parameter, mode="fan_out", nonlinearity="relu")
        images = torch.randn(STEPS, BATCH, 3, SIZE, SIZE)
        labels = torch.randint(CLASSES, (STEPS, BATCH))
        initial = {f"initial.{name}": parameter.detach().clone() for name, parameter in net.named_parameters()}

        single = ResNet(shortcut)
        single.load_state_dict(net.state_dict())
        float32 = train(single, images, labels, variant)
        float64 = train(net.double(), images.double(), labels, variant)

        errors = {}
        for name, value in float64.items():
            scale = value.abs().max().clamp_min(1e-30)
            error = ((float32[name].double() - value).abs().max() / scale).item()
            kind = name.split(".")[0]
            errors[kind] = max(errors.get(kind, 0.0), error)
        print(name_of_case, "PyTorch float32 against float64:", {k: f"{v:.1e}" for k, v in errors.items()})

        arrays = {"images": images, "labels": labels, **initial, **float64}
        arrays = {
            name: np.ascontiguousarray(a.numpy().astype(np.int64 if a.dtype == torch.int64 else np.float32))
            for name, a in arrays.items()
        }
        save_file(arrays, Path(__file__).parent / f"{name_of_case}.safetensors")


if __name__ == "__main__":
    main()
