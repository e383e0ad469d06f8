#!/bin/sh
# Runs the tests of the training code on the first GPU, against the same PyTorch values as on the
# CPU; without a GPU each says that it was skipped.
#
# usage: tools/cuda-test.sh TOOLKIT
set -eu
. "$(dirname "$0")/cuda-environment.sh"

exec cargo test --features cuda --target-dir target/cuda \
    --test it -- --nocapture pytorch_parity:: cuda_engine:: cuda_sweep::
