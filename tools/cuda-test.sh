#!/bin/sh
# Runs the tests of the training code on the first GPU, against the same PyTorch values as on the
# CPU. Without a GPU they fail.
#
# usage: tools/cuda-test.sh TOOLKIT
set -eu
. "$(dirname "$0")/cuda-environment.sh"

# The engine's unit tests of a CUDA build are those of its `cuda` module.
cargo test --features cuda --target-dir target/cuda --package resnet-engine --lib cuda::
export RESWEEP_REQUIRE_GPU=1
exec cargo test --features cuda --target-dir target/cuda \
    --test it -- --nocapture pytorch_parity:: cuda_engine:: cuda_sweep::
