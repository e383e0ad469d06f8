# What building with CUDA needs in the environment; sourced by the other scripts, which say where
# `make cuda-toolkit` puts its toolkit. CUDA_PATH names another one. The GPU's compute capability is
# asked of nvidia-smi; CUDA_COMPUTE_CAP says it where there is no GPU, or for another one.

toolkit=${CUDA_PATH:-$1}
shift
[ -e "$toolkit/include/cuda.h" ] || {
    echo "no CUDA toolkit in $toolkit: run \`make cuda-toolkit\`, or set CUDA_PATH" >&2
    exit 1
}
export CUDA_PATH="$toolkit"
export PATH="$toolkit/bin:$PATH"
# The old kind of run-time path, because it holds for what NVRTC loads, too.
paths="-Wl,--disable-new-dtags,-rpath,$toolkit/lib,-rpath,$toolkit/lib64,-rpath,$toolkit/driver"
CARGO_ENCODED_RUSTFLAGS=$(printf '%s\037%s\037%s' "-Lnative=$toolkit/driver" -C "link-arg=$paths")
export CARGO_ENCODED_RUSTFLAGS
if ! nvidia-smi >/dev/null 2>&1; then
    [ -n "${CUDA_COMPUTE_CAP:-}" ] || {
        echo "no GPU answers here; say for which one to build: CUDA_COMPUTE_CAP=90 for an H100 or" >&2
        echo "  H200, 89 for RTX 40 and L4, 86 for RTX 30 and A10, 80 for an A100, 75 for RTX 20 and T4" >&2
        exit 1
    }
    # dfdx asks nvidia-smi also where CUDA_COMPUTE_CAP says it.
    stand_in=$(cd "$(dirname "$0")/.." && pwd)/target/cuda/without-gpu
    mkdir -p "$stand_in"
    printf '#!/bin/sh\necho compute_cap\necho "$CUDA_COMPUTE_CAP"\n' >"$stand_in/nvidia-smi"
    chmod +x "$stand_in/nvidia-smi"
    export PATH="$stand_in:$PATH"
fi
