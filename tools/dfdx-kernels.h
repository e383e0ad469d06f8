// Included before each of dfdx's kernels. For GPUs below 8.0, dfdx defines two functions that CUDA 13 also has.
#include <cuda_fp16.h>
#define __hmax_nan dfdx_hmax_nan
#define __hmin_nan dfdx_hmin_nan
