#!/usr/bin/env python3
"""Time the training steps and the evaluation of one network in PyTorch; print one JSON line.

The counterpart of benches/step.rs: the same options, the same networks, the same work in a step,
the same line. Parameters and images come from the file that `step --write-start` writes; without
one they are drawn at random (He initialisation). Needs torch and safetensors.
"""

import argparse
import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

CLASSES = 10
MOMENTUM, WEIGHT_DECAY = 0.9, 1e-4
# What a user of PyTorch can choose: float32 or bfloat16 where autocast allows it, each with or without torch.compile.
MODES = ["eager", "compile", "bf16", "compile+bf16"]


class Block(nn.Module):
    """Two 3x3 layers and the shortcut around them (`none`: a plain net's pair of layers).

    Activations are computed in place where autograd allows it, as torchvision does.
    """

    def __init__(self, inputs, outputs, stride, shortcut):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = shortcut
        self.new_channels = outputs - inputs
        if shortcut == "C" or (shortcut == "B" and self.new_channels):
            projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(outputs))
        else:
            self.downsample = None

    def joined(self, x):
        """What the shortcut adds for the block's input x (batch, channels, height, width)."""
        if self.downsample is not None:
            return self.downsample(x)
        if self.new_channels:
            return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.new_channels))
        return x

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        if self.shortcut != "none":
            y += self.joined(x)
        return F.relu(y, inplace=True)


class ResNet(nn.Module):
    """The networks of section 4.2 of the paper, depth 6n+2."""

    def __init__(self, depth, shortcut, width):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        inputs = width
        for stage in range(3):
            outputs, blocks = width << stage, []
            for position in range((depth - 2) // 6):
                stride = 2 if stage > 0 and position == 0 else 1
                blocks.append(Block(inputs, outputs, stride, shortcut))
                inputs = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, CLASSES)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


def start(net, path, size, batch):
    """Load the parameters in `path` into `net`; return its images and labels, or random ones."""
    if path is None:
        return torch.randn(batch, 3, size, size), torch.randint(CLASSES, (batch,))
    from safetensors.torch import load_file

    tensors = load_file(path)
    images, labels = tensors.pop("images"), tensors.pop("labels")
    unknown = set(tensors) ^ {name for name, _ in net.named_parameters()}
    if unknown or len(labels) != batch:
        sys.exit(f"{path} is of another network or batch: {sorted(unknown)}")
    net.load_state_dict(tensors, strict=False)
    return images, labels


def memory_mib(key):
    """A line of Linux's /proc/self/status in MiB (VmRSS, VmHWM); None on other systems."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith(key))
    except (OSError, StopIteration):
        return None


def timed(turns, wait, per_turn, work):
    """Do `work` `per_turn` times in each of `turns` turns; return the mean milliseconds of each turn and all results.

    With `wait`, print `ready` before each turn and wait for a line.
    """
    times, results = [], []
    for _ in range(turns):
        if wait:
            print("ready", flush=True)
            if not sys.stdin.readline():
                sys.exit("the input has ended before the last turn")
        begin = time.perf_counter()
        results += [work() for _ in range(per_turn)]
        times.append((time.perf_counter() - begin) * 1e3 / per_turn)
    return times, results


def main():
    parser = argparse.ArgumentParser(description="Time the training steps of one network in PyTorch.")
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--shortcut", choices=["none", "A", "B", "C"], default="A")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--mode", choices=MODES, default="eager")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--warmup", type=int, default=3, help="steps before those that are timed")
    parser.add_argument("--steps", type=int, default=10, help="timed turns of steps")
    parser.add_argument("--evaluations", type=int, default=10, help="timed turns of evaluations of the batch")
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--wait", action="store_true", help="print `ready` and wait for a line before each timed turn")
    parser.add_argument("--per-turn", type=int, default=1, help="steps, or evaluations, in a turn")
    parser.add_argument("--start", metavar="FILE", help="parameters and batch, from `step --write-start`")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    on_gpu = options.device == "cuda"
    # The same precision as resweep's; PyTorch's convolutions would be in TF32 otherwise.
    torch.backends.cudnn.allow_tf32 = False
    idle_mib = None if on_gpu else memory_mib("VmRSS")
    net = ResNet(options.depth, options.shortcut, options.width)
    images, labels = start(net, options.start, options.image_size, options.batch)
    net = net.to(options.device, memory_format=torch.channels_last)
    images = images.contiguous(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(net.parameters(), options.lr, MOMENTUM, weight_decay=WEIGHT_DECAY)

    compiled = torch.compile(net) if "compile" in options.mode else net

    def loss_of_batch():
        # Copied only where the device is a GPU.
        with torch.autocast(options.device, torch.bfloat16, enabled="bf16" in options.mode):
            logits = compiled(images.to(options.device))
            return F.cross_entropy(logits, labels.to(options.device))

    def step():
        loss = loss_of_batch()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        return loss.item()

    def evaluate():
        with torch.no_grad():
            return loss_of_batch().item()

    losses = timed(options.warmup, False, 1, step)[1]
    step_ms, later = timed(options.steps, options.wait, options.per_turn, step)
    peak_mib = None if on_gpu else memory_mib("VmHWM")
    net.eval()
    timed(min(options.warmup, 1), False, 1, evaluate)
    evaluation_ms, _ = timed(options.evaluations, options.wait, options.per_turn, evaluate)
    line = {
        "program": f"PyTorch {torch.__version__}",
        "mode": options.mode,
        "computes_with": torch.cuda.get_device_name() if on_gpu else torch.backends.cpu.get_cpu_capability(),
        "step_ms": step_ms,
        "evaluation_ms": evaluation_ms,
        "losses": losses + later,
        "idle_mib": idle_mib,
        "peak_mib": peak_mib,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
