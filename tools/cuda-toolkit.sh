#!/bin/sh
# Puts what building with CUDA needs into a folder: NVIDIA's compiler, headers and libraries, as
# wheels from PyPI, all of release 13.0, and the names that the linker looks for. Needs Python with
# pip, cargo, and cc; no administrator's rights, no GPU and no driver.
#
# usage: tools/cuda-toolkit.sh FOLDER
set -eu

folder=${1:?usage: tools/cuda-toolkit.sh FOLDER}
python=${PYTHON:-python3}
wheels="
nvidia-cuda-nvcc==13.0.88
nvidia-nvvm==13.0.88
nvidia-cuda-crt==13.0.88
nvidia-cuda-runtime==13.0.96
nvidia-cuda-cccl==13.0.85
nvidia-cublas==13.0.2.14
nvidia-cuda-nvrtc==13.0.88
"

fail() {
    echo "cuda-toolkit: $*" >&2
    exit 1
}

# The driver's library, where the system has one.
driver() {
    ldconfig -p 2>/dev/null | sed -n 's/.*libcuda\.so\.1 .*=> //p' | head -n 1
}

# A library with the functions of the driver that cudarc declares, to link on a machine without a driver. Nothing
# loads it: each function returns CUDA_ERROR_STUB_LIBRARY (34), like those of NVIDIA's own stub.
stub() {
    cudarc=$(cargo metadata --format-version 1 --manifest-path "$(dirname "$0")/../Cargo.toml" | "$python" -c '
import json, sys
packages = json.load(sys.stdin)["packages"]
print(next(one["manifest_path"] for one in packages if one["name"] == "cudarc"))')
    grep -oh '\bfn cu[A-Z][A-Za-z0-9_]*(' "${cudarc%/*}/src/driver/sys.rs" | tr -d '(' | sort -u |
        sed 's/fn \(.*\)/int \1(void) { return 34; }/' |
        cc -shared -fPIC -Wl,-soname,libcuda.so.1 -x c - -o "$1"
}

[ "$(uname -sm)" = "Linux x86_64" ] || fail "only for Linux on x86-64; install the CUDA toolkit instead"
toolkit=$folder/nvidia/cu13
if [ ! -x "$toolkit/bin/nvcc" ] || [ ! -e "$toolkit/lib/libcublas.so.13" ]; then
    "$python" -m pip --version >/dev/null 2>&1 || fail "$python has no pip"
    # shellcheck disable=SC2086 # one word each
    "$python" -m pip install --quiet --no-deps --upgrade --target "$folder" $wheels
fi

for library in libcublas libcublasLt libnvrtc; do
    ln -sf "$library.so.13" "$toolkit/lib/$library.so"
done
mkdir -p "$toolkit/driver"
rm -f "$toolkit/driver/"*
if [ -n "$(driver)" ]; then
    ln -s "$(driver)" "$toolkit/driver/libcuda.so"
else
    stub "$toolkit/driver/libcuda.so"
fi
echo "CUDA 13.0 is in $toolkit"
