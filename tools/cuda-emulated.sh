#!/bin/sh
# Runs a program of a CUDA build on GPUs that are not there (tests/emulated_gpu), to see that it is
# right; it is slow. Needs cc, Python and the toolkit of `make cuda-toolkit`.
#
# usage: tools/cuda-emulated.sh COMMAND [ARGUMENTS...]
#        EMULATED_GPUS=2 tools/cuda-emulated.sh target/cuda/release/resweep run ... --device cuda:all
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
folder=$root/target/emulated-gpu
export EMULATED_GPU_SOURCE="$root/tests/emulated_gpu"
export EMULATED_GPU_CACHE="$folder/kernels"
mkdir -p "$EMULATED_GPU_CACHE"
cc -O3 -Wall -Wextra -Wno-unused-parameter -shared -fPIC -Wl,-soname,libcuda.so.1 \
    -o "$folder/libcuda.so.$$" "$EMULATED_GPU_SOURCE/driver.c" "$EMULATED_GPU_SOURCE/cublas.c" \
    -ldl -lpthread
mv "$folder/libcuda.so.$$" "$folder/libcuda.so.1"
export LD_PRELOAD="$folder/libcuda.so.1"
exec "$@"
