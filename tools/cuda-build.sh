#!/bin/sh
# Builds resweep for NVIDIA GPUs: with the CUDA toolkit that CUDA_PATH names, or with that of
# `make cuda-toolkit`.
#
# usage: tools/cuda-build.sh TOOLKIT [ARGUMENTS OF CARGO...]
set -eu
. "$(dirname "$0")/cuda-environment.sh"

# The old kind of path, because it holds for what NVRTC loads, too.
exec cargo rustc --release --features cuda --bin resweep --target-dir target/cuda "$@" -- \
    -L "native=$toolkit/driver" \
    -C "link-arg=-Wl,--disable-new-dtags,-rpath,$toolkit/lib,-rpath,$toolkit/lib64,-rpath,$toolkit/driver"
