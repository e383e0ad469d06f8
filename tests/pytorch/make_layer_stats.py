#!/usr/bin/env python3
"""Write the layer responses that tests/it/layer_stats.rs holds `layer_stats` against.

Each network of make_fixtures.py is taken as it is after its three steps, in evaluation mode and in
float64. Recorded is the standard deviation of what comes out of the BN of each 3x3 layer, over all
channels and pixels of the images of all three steps.

    pip install torch numpy safetensors
    python tests/pytorch/make_layer_stats.py
"""

import json
from pathlib import Path

import torch
from make_fixtures import ResNet
from safetensors.torch import load_file


def responses(shortcut, fixture):
    """The name of each 3x3 layer with its standard deviation, in the order of the network."""
    net = ResNet(shortcut).double().eval()
    final = {name[6:]: value for name, value in fixture.items() if name.startswith("final.")}
    missing, unexpected = net.load_state_dict(final, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)
    found = []

    def listen(name):
        def hook(_module, _inputs, output):
            found.append([name, output.std(correction=0).item()])

        return hook

    for name, module in net.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d) and "downsample" not in name:
            module.register_forward_hook(listen(name.replace("bn", "conv")))
    with torch.no_grad():
        net(fixture["images"].double().flatten(0, 1))
    return found


def main():
    folder = Path(__file__).parent
    cases = {shortcut: responses(shortcut, load_file(folder / f"{shortcut}.safetensors")) for shortcut in ["none", "A", "B", "C"]}
    (folder / "layer_stats.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
