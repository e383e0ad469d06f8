#!/bin/sh
# Times training on the first GPU beside PyTorch; the arguments are those of benches/side_by_side.py.
#
# usage: tools/cuda-bench.sh TOOLKIT PYTHON [ARGUMENTS...]
set -eu
. "$(dirname "$0")/cuda-environment.sh"

python=$1
shift
exec "$python" "$(dirname "$0")/../benches/side_by_side.py" --device cuda "$@"
