#!/bin/sh
# Builds resweep for NVIDIA GPUs: with the CUDA toolkit that CUDA_PATH names, or with that of
# `make cuda-toolkit`.
#
# usage: tools/cuda-build.sh TOOLKIT [ARGUMENTS OF CARGO...]
set -eu
. "$(dirname "$0")/cuda-environment.sh"

exec cargo build --release --features cuda --target-dir target/cuda "$@"
