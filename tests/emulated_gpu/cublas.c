/* The matrix products of cuBLAS that resweep and dfdx use, on the host's memory; driver.c. Matrices are
   column-major. */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum { SUCCESS = 0, NOT_INITIALIZED = 1, INVALID_VALUE = 7, ALIGNMENT = 256 };

extern atomic_ulong emulated_launches, emulated_workspace;

/* EMULATED_CUBLAS_HANDLES  how many handles there is memory for at once (without limit) */
static atomic_long handles;

int cublasCreate_v2(void **handle) {
  const char *most = getenv("EMULATED_CUBLAS_HANDLES");
  if (most && handles >= atol(most)) return NOT_INITIALIZED;
  handles++;
  *handle = malloc(1);
  return SUCCESS;
}

int cublasDestroy_v2(void *handle) {
  free(handle);
  handles--;
  return SUCCESS;
}

int cublasSetWorkspace_v2(void *handle, void *memory, size_t bytes) {
  if (!memory || (uintptr_t)memory % ALIGNMENT || !bytes) return INVALID_VALUE;
  emulated_workspace = bytes;
  return SUCCESS;
}

int cublasSetStream_v2(void *handle, void *stream) { return SUCCESS; }

/* c = alpha op(a) op(b) + beta c; op(a) is m x k, op(b) k x n. What c held does not count if beta is
   zero. */
int cublasSgemm_v2(void *handle, int a_transposed, int b_transposed, int m, int n, int k,
                   const float *alpha, const float *a, int lda, const float *b, int ldb,
                   const float *beta, float *c, int ldc) {
  int a_fits = lda >= (a_transposed ? k : m), b_fits = ldb >= (b_transposed ? n : k);
  if (m < 0 || n < 0 || k < 0 || !a_fits || !b_fits || ldc < m) return INVALID_VALUE;
  emulated_launches++;
  float *sums = malloc(m * sizeof *sums);
  for (int column = 0; column < n; column++) {
    for (int row = 0; row < m; row++) sums[row] = 0;
    for (int inner = 0; inner < k; inner++) {
      float factor = b_transposed ? b[column + (size_t)inner * ldb] : b[inner + (size_t)column * ldb];
      size_t start = (size_t)inner * (a_transposed ? 1 : lda), stride = a_transposed ? lda : 1;
      for (int row = 0; row < m; row++) sums[row] += a[start + row * stride] * factor;
    }
    for (int row = 0; row < m; row++) {
      float *out = &c[row + (size_t)column * ldc];
      *out = *alpha * sums[row] + (*beta == 0 ? 0 : *beta * *out);
    }
  }
  free(sums);
  return SUCCESS;
}

int cublasSgemmStridedBatched(void *handle, int a_transposed, int b_transposed, int m, int n, int k,
                              const float *alpha, const float *a, int lda, long long a_stride,
                              const float *b, int ldb, long long b_stride, const float *beta, float *c,
                              int ldc, long long c_stride, int count) {
  for (int i = 0; i < count; i++) {
    int status = cublasSgemm_v2(handle, a_transposed, b_transposed, m, n, k, alpha, a + i * a_stride,
                                lda, b + i * b_stride, ldb, beta, c + i * c_stride, ldc);
    if (status) return status;
  }
  return SUCCESS;
}
