"""Builds the programs below benches/, for the scripts beside them."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Failed(Exception):
    """A program did not do what it was asked to."""


def build(name, cuda=False):
    """Build the benchmark of this name, with CUDA as tools/cuda-bench.sh prepares it; return the program's path."""
    command = ["cargo", "bench", "--bench", name, "--no-run", "--message-format=json-render-diagnostics"]
    if cuda:
        command += ["--features", "cuda", "--target-dir", "target/cuda"]
    built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if built.returncode != 0:
        raise Failed(f"the benchmark {name} does not build")
    for line in built.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == name:
            return message["executable"]
    raise Failed(f"cargo did not say where it put the benchmark {name}")
