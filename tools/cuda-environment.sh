# Sets the environment for building with CUDA; sourced by the other scripts, which name the folder of
# `make cuda-toolkit`. CUDA_PATH names another toolkit.

toolkit=${CUDA_PATH:-$1}
shift
[ -e "$toolkit/include/cuda.h" ] || {
    echo "no CUDA toolkit in $toolkit: run \`make cuda-toolkit\`, or set CUDA_PATH" >&2
    exit 1
}
export CUDA_PATH="$toolkit"
export PATH="$toolkit/bin:$PATH"
# $toolkit/driver has a stand-in for libcuda without a driver: the linker may find it, the finished program
# must not. DT_RPATH, not DT_RUNPATH, because NVRTC 13.0 loads libnvrtc-builtins through the program's path.
paths="-Wl,--disable-new-dtags,-rpath,$toolkit/lib,-rpath,$toolkit/lib64"
CARGO_ENCODED_RUSTFLAGS=$(printf '%s\037%s\037%s' "-Lnative=$toolkit/driver" -C "link-arg=$paths")
export CARGO_ENCODED_RUSTFLAGS
# dfdx asks nvidia-smi for which GPU to build its kernels. It ships them as PTX, so those for the oldest
# supported GPUs run on all.
CUDA_COMPUTE_CAP=75
export CUDA_COMPUTE_CAP
root=$(cd "$(dirname "$0")/.." && pwd)
export NVCC_PREPEND_FLAGS="-include \"$root/tools/dfdx-kernels.h\""
oldest=$root/target/cuda/oldest-gpu
mkdir -p "$oldest"
printf '#!/bin/sh\necho compute_cap\necho 7.5\n' >"$oldest/nvidia-smi"
chmod +x "$oldest/nvidia-smi"
export PATH="$oldest:$PATH"
