#!/bin/sh
# Builds resweep for NVIDIA GPUs: with the CUDA toolkit that CUDA_PATH names, or with that of
# `make cuda-toolkit`. The GPU's compute capability is asked of nvidia-smi; CUDA_COMPUTE_CAP says it
# where there is no GPU, or for another one.
#
# usage: tools/cuda-build.sh TOOLKIT [ARGUMENTS OF CARGO...]
set -eu

toolkit=${CUDA_PATH:-$1}
shift
[ -e "$toolkit/include/cuda.h" ] || {
    echo "cuda-build: no CUDA toolkit in $toolkit: run \`make cuda-toolkit\`, or set CUDA_PATH" >&2
    exit 1
}
if [ -z "${CUDA_COMPUTE_CAP:-}" ] && ! nvidia-smi >/dev/null 2>&1; then
    echo "cuda-build: no GPU answers here; say for which one to build: CUDA_COMPUTE_CAP=90 for an" >&2
    echo "  H100 or H200, 89 for RTX 40 and L4, 86 for RTX 30 and A10, 80 for an A100, 75 for RTX 20" >&2
    echo "  and T4" >&2
    exit 1
fi

export CUDA_PATH="$toolkit"
export PATH="$toolkit/bin:$PATH:$toolkit/without-gpu"
# The old kind of path, because it holds for what NVRTC loads, too.
exec cargo rustc --release --features cuda --bin resweep --target-dir target/cuda "$@" -- \
    -L "native=$toolkit/driver" \
    -C "link-arg=-Wl,--disable-new-dtags,-rpath,$toolkit/lib,-rpath,$toolkit/driver"
