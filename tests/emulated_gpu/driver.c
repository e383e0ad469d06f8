/* The CUDA driver's functions that resweep and dfdx use, on a machine without a GPU.

   Device memory is memory of the host, filled with NaN when it is allocated and guarded on both
   sides. Kernels are translated from PTX to C (translate.py), compiled by cc, and run when they are
   launched, thread by thread; so everything is correct, or wrong, as on a GPU but for what depends on
   real concurrency, and nothing is fast.

   EMULATED_GPU_CACHE    folder for compiled kernels
   EMULATED_GPU_SOURCE   folder of translate.py and kernel.h
   EMULATED_GPUS         how many devices there are (1)
   EMULATED_GPU_MEMORY   bytes that each of them has (without limit)
   EMULATED_GPU_REFUSES  the CUresult that loading a module gives, for a driver that is too old
   EMULATED_GPU_REFUSES_ONLY  a kernel's name: only modules that contain it are refused
   EMULATED_GPU_FAULT    CODE:N: after N kernels of the process, each call for the GPU that ran them
                         fails with CODE, as after an illegal address (700)
   EMULATED_GPU_ORDER    0, 1 or 2: the order in which blocks, and threads between barriers, run;
                         by default each kernel has the next one
   EMULATED_GPU_CALLS    file to which the numbers of calls are appended when the process ends */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  SUCCESS = 0,
  INVALID_VALUE = 1,
  OUT_OF_MEMORY = 2,
  NO_DEVICE = 100,
  INVALID_DEVICE = 101,
  INVALID_PTX = 218,
  FILE_NOT_FOUND = 301,
  NOT_FOUND = 500
};
enum { MULTIPROCESSORS = 16, CAPABILITY_MAJOR = 75, CAPABILITY_MINOR = 76, MEMORY_POOLS = 115 };
enum { VERSION = 13000, RELEASE_THRESHOLD = 4 };
enum { HEADER = 256, GUARD = 64, GUARD_BYTE = 0xA5, FREED_BYTE = 0xDD, NAN_BYTE = 0xFF };
enum { MAX_DEVICES = 16, ORDERS = 3 };

typedef int CUresult;
typedef uint64_t CUdeviceptr;

struct module {
  char *text;
  uint64_t hash;
};

struct function {
  void (*run)(const uint32_t *grid, const uint32_t *block, void **parameters, int order);
};

/* Before each allocation. */
struct header {
  size_t bytes;
  int device;
};

atomic_ulong emulated_launches;
static atomic_ulong to_device, to_host, on_device, allocations, memsets, synchronisations;
static atomic_ulong in_use[MAX_DEVICES], most_in_use;
static atomic_ulong contexts, pool_threshold;
static atomic_int holders[MAX_DEVICES];
atomic_ulong emulated_workspace;
static pthread_mutex_t compiling = PTHREAD_MUTEX_INITIALIZER;
/* Shared memory is that of a kernel's library. */
static pthread_mutex_t running = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local int current;

static long setting(const char *name, long otherwise) {
  const char *value = getenv(name);
  return value ? atol(value) : otherwise;
}

static int devices(void) { return setting("EMULATED_GPUS", 1); }

/* The device that has failed, plus one; 0 while none has. */
static atomic_int failed_device;

/* The code that calls for the current device return because it has failed, or SUCCESS. */
static int fault(void) {
  const char *setting = getenv("EMULATED_GPU_FAULT");
  int code, no_device = 0;
  unsigned long launches;
  if (!setting || sscanf(setting, "%d:%lu", &code, &launches) != 2) return SUCCESS;
  if (emulated_launches >= launches) atomic_compare_exchange_strong(&failed_device, &no_device, current + 1);
  return failed_device == current + 1 ? code : SUCCESS;
}
#define RETURN_FAULT \
  do { \
    int code = fault(); \
    if (code != SUCCESS) return code; \
  } while (0)

static void fail(const char *what) {
  fprintf(stderr, "emulated GPU: %s\n", what);
  abort();
}

__attribute__((destructor)) static void report(void) {
  const char *path = getenv("EMULATED_GPU_CALLS");
  FILE *file = path && emulated_launches ? fopen(path, "a") : NULL;
  if (!file) return;
  fprintf(file,
          "{\"launches\":%lu,\"to_device\":%lu,\"to_host\":%lu,\"on_device\":%lu,\"allocations\":%lu,"
          "\"memsets\":%lu,\"synchronisations\":%lu,\"most_bytes\":%lu,\"contexts\":%lu,"
          "\"pool_threshold\":%lu,\"workspace\":%lu}\n",
          emulated_launches, to_device, to_host, on_device, allocations, memsets, synchronisations,
          most_in_use, contexts, pool_threshold, emulated_workspace);
  fclose(file);
}

/* Devices, contexts, streams and events. A context is its device's number plus one. */

CUresult cuInit(unsigned flags) { return devices() > 0 ? SUCCESS : NO_DEVICE; }

CUresult cuDeviceGetCount(int *count) {
  *count = devices();
  return SUCCESS;
}

CUresult cuDeviceGet(int *device, int ordinal) {
  *device = ordinal;
  return ordinal < devices() ? SUCCESS : INVALID_DEVICE;
}

/* Numbered in reverse unless PCI_BUS_ID is asked for: the last one is the fastest. */
CUresult cuDeviceGetName(char *name, int length, int device) {
  const char *order = getenv("CUDA_DEVICE_ORDER");
  int by_bus = order && !strcmp(order, "PCI_BUS_ID");
  snprintf(name, length, "Emulated GPU %d", by_bus ? device : devices() - 1 - device);
  return SUCCESS;
}

CUresult cuDriverGetVersion(int *version) {
  *version = VERSION;
  return SUCCESS;
}

CUresult cuDeviceGetDefaultMemPool(void **pool, int device) {
  *pool = (void *)(uintptr_t)(device + 1);
  return SUCCESS;
}

CUresult cuMemPoolSetAttribute(void *pool, int attribute, void *value) {
  if (attribute != RELEASE_THRESHOLD) return INVALID_VALUE;
  pool_threshold = *(uint64_t *)value;
  return SUCCESS;
}

CUresult cuDeviceGetAttribute(int *value, int attribute, int device) {
  switch (attribute) {
    case MULTIPROCESSORS: *value = 1; break;
    /* A GPU that NVRTC does not know, so that it gives PTX. */
    case CAPABILITY_MAJOR: *value = 99; break;
    case CAPABILITY_MINOR: *value = 0; break;
    case MEMORY_POOLS: *value = 1; break;
    default: *value = 0;
  }
  return SUCCESS;
}

static size_t memory(void) { return setting("EMULATED_GPU_MEMORY", 1l << 40); }

CUresult cuDeviceTotalMem_v2(size_t *bytes, int device) {
  *bytes = memory();
  return SUCCESS;
}

CUresult cuMemGetInfo_v2(size_t *free, size_t *total) {
  *total = memory();
  *free = memory() - in_use[current];
  return SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(void **context, int device) {
  RETURN_FAULT;
  if (!holders[device]++) contexts++;
  *context = (void *)(uintptr_t)(device + 1);
  return SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease_v2(int device) {
  RETURN_FAULT;
  holders[device]--;
  return SUCCESS;
}

CUresult cuCtxSetCurrent(void *context) {
  if (context) current = (int)(uintptr_t)context - 1;
  RETURN_FAULT;
  return SUCCESS;
}

CUresult cuCtxGetCurrent(void **context) {
  *context = (void *)(uintptr_t)(current + 1);
  return SUCCESS;
}

CUresult cuStreamCreate(void **stream, unsigned flags) {
  *stream = malloc(1);
  return SUCCESS;
}

CUresult cuStreamDestroy_v2(void *stream) {
  RETURN_FAULT;
  free(stream);
  return SUCCESS;
}

CUresult cuStreamSynchronize(void *stream) {
  RETURN_FAULT;
  synchronisations++;
  return SUCCESS;
}

CUresult cuStreamWaitEvent(void *stream, void *event, unsigned flags) {
  RETURN_FAULT;
  return SUCCESS;
}

CUresult cuEventCreate(void **event, unsigned flags) {
  *event = malloc(1);
  return SUCCESS;
}

CUresult cuEventDestroy_v2(void *event) {
  RETURN_FAULT;
  free(event);
  return SUCCESS;
}

CUresult cuEventRecord(void *event, void *stream) {
  RETURN_FAULT;
  return SUCCESS;
}

CUresult cuGetErrorName(CUresult error, const char **name) {
  *name = "CUDA_ERROR";
  return SUCCESS;
}

CUresult cuGetErrorString(CUresult error, const char **text) {
  *text = "an error of the emulated GPU";
  return SUCCESS;
}

/* NVRTC asks for it; there is nothing in it. */
CUresult cuGetExportTable(const void **table, const void *id) {
  *table = NULL;
  return NOT_FOUND;
}

/* Memory. */

CUresult cuMemAlloc_v2(CUdeviceptr *pointer, size_t bytes) {
  RETURN_FAULT;
  if (!bytes) return INVALID_VALUE;
  unsigned long now = in_use[current] += bytes;
  if (now > memory()) {
    in_use[current] -= bytes;
    return OUT_OF_MEMORY;
  }
  if (now > most_in_use) most_in_use = now;
  char *block = aligned_alloc(HEADER, (HEADER + bytes + GUARD + HEADER - 1) / HEADER * HEADER);
  memset(block, GUARD_BYTE, HEADER);
  *(struct header *)block = (struct header){bytes, current};
  memset(block + HEADER, NAN_BYTE, bytes);
  memset(block + HEADER + bytes, GUARD_BYTE, GUARD);
  *pointer = (CUdeviceptr)(uintptr_t)(block + HEADER);
  allocations++;
  return SUCCESS;
}

CUresult cuMemAllocAsync(CUdeviceptr *pointer, size_t bytes, void *stream) {
  *pointer = 0;
  return bytes ? cuMemAlloc_v2(pointer, bytes) : SUCCESS;
}

static void check_guard(const char *from, const char *to) {
  for (; from < to; from++)
    if ((unsigned char)*from != GUARD_BYTE) fail("a kernel has written beside its memory");
}

CUresult cuMemFree_v2(CUdeviceptr pointer) {
  RETURN_FAULT;
  if (!pointer) return SUCCESS;
  char *start = (char *)(uintptr_t)pointer, *block = start - HEADER;
  struct header header = *(struct header *)block;
  check_guard(block + sizeof header, start);
  check_guard(start + header.bytes, start + header.bytes + GUARD);
  in_use[header.device] -= header.bytes;
  memset(block, FREED_BYTE, HEADER + header.bytes);
  free(block);
  return SUCCESS;
}

CUresult cuMemFreeAsync(CUdeviceptr pointer, void *stream) { return cuMemFree_v2(pointer); }

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, void *stream) {
  RETURN_FAULT;
  to_device++;
  memcpy((void *)(uintptr_t)to, from, bytes);
  return SUCCESS;
}

CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes) {
  return cuMemcpyHtoDAsync_v2(to, from, bytes, NULL);
}

CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, void *stream) {
  RETURN_FAULT;
  to_host++;
  memcpy(to, (void *)(uintptr_t)from, bytes);
  return SUCCESS;
}

CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes) {
  return cuMemcpyDtoHAsync_v2(to, from, bytes, NULL);
}

CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, void *stream) {
  RETURN_FAULT;
  on_device++;
  memcpy((void *)(uintptr_t)to, (void *)(uintptr_t)from, bytes);
  return SUCCESS;
}

CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  return cuMemcpyDtoDAsync_v2(to, from, bytes, NULL);
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, void *stream) {
  RETURN_FAULT;
  memsets++;
  memset((void *)(uintptr_t)to, value, bytes);
  return SUCCESS;
}

CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t bytes) {
  return cuMemsetD8Async(to, value, bytes, NULL);
}

/* Modules and kernels. */

CUresult cuModuleLoadData(struct module **module, const char *text) {
  RETURN_FAULT;
  int refusal = setting("EMULATED_GPU_REFUSES", SUCCESS);
  const char *only = getenv("EMULATED_GPU_REFUSES_ONLY");
  if (refusal != SUCCESS && (!only || strstr(text, only))) return refusal;
  if (!strstr(text, ".version")) return INVALID_PTX;
  uint64_t hash = 14695981039346656037ull; /* FNV-1a */
  for (const char *next = text; *next; next++) hash = (hash ^ (unsigned char)*next) * 1099511628211ull;
  *module = malloc(sizeof **module);
  **module = (struct module){strdup(text), hash};
  return SUCCESS;
}

CUresult cuModuleLoad(struct module **module, const char *path) {
  FILE *file = fopen(path, "r");
  char *text = NULL;
  size_t room = 0;
  if (!file) return FILE_NOT_FOUND;
  ssize_t bytes = getdelim(&text, &room, '\0', file);
  fclose(file);
  CUresult result = bytes > 0 ? cuModuleLoadData(module, text) : INVALID_PTX;
  free(text);
  return result;
}

CUresult cuModuleUnload(struct module *module) {
  RETURN_FAULT;
  free(module->text);
  free(module);
  return SUCCESS;
}

static const char *needed(const char *name) {
  const char *value = getenv(name);
  if (!value) fail("EMULATED_GPU_CACHE and EMULATED_GPU_SOURCE have to name folders");
  return value;
}

/* Makes a library of one kernel. */
static void compile(const struct module *module, const char *name, const char *path) {
  char *ptx, *command;
  if (asprintf(&ptx, "%s.%d.ptx", path, getpid()) < 0) fail("no memory");
  FILE *file = fopen(ptx, "w");
  if (!file || fputs(module->text, file) < 0 || fclose(file)) fail("cannot write into the cache");
  const char *format = "unset LD_PRELOAD; python3 '%s/translate.py' '%s' '%s' '%s'";
  if (asprintf(&command, format, needed("EMULATED_GPU_SOURCE"), ptx, name, path) < 0) fail("no memory");
  if (system(command)) fail("cannot translate a kernel");
  unlink(ptx);
  free(ptx);
  free(command);
}

CUresult cuModuleGetFunction(struct function **function, struct module *module, const char *name) {
  char *path;
  const char *cache = needed("EMULATED_GPU_CACHE");
  if (asprintf(&path, "%s/%016lx-%s.so", cache, module->hash, name) < 0) fail("no memory");
  pthread_mutex_lock(&compiling);
  if (access(path, R_OK)) compile(module, name, path);
  pthread_mutex_unlock(&compiling);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  free(path);
  *function = malloc(sizeof **function);
  (*function)->run = library ? dlsym(library, "run") : NULL;
  return (*function)->run ? SUCCESS : NOT_FOUND;
}

CUresult cuLaunchKernel(struct function *function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                        unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                        void *stream, void **parameters, void **extra) {
  const uint32_t grid[] = {grid_x, grid_y, grid_z}, block[] = {block_x, block_y, block_z};
  uint64_t threads = (uint64_t)block_x * block_y * block_z;
  RETURN_FAULT;
  int too_large = grid_x > INT32_MAX || grid_y > 65535 || grid_z > 65535 || threads > 1024;
  if (!grid_x || !grid_y || !grid_z || !threads || too_large || shared) return INVALID_VALUE;
  int order = setting("EMULATED_GPU_ORDER", emulated_launches++ % ORDERS);
  pthread_mutex_lock(&running);
  function->run(grid, block, parameters, order);
  pthread_mutex_unlock(&running);
  return SUCCESS;
}

/* Linked by cudarc, called by nobody. */
#define UNUSED(name) \
  CUresult name(void) { fail(#name); return INVALID_VALUE; }
UNUSED(cuDestroyExternalMemory)
UNUSED(cuEventElapsedTime)
UNUSED(cuExternalMemoryGetMappedBuffer)
UNUSED(cuImportExternalMemory)
UNUSED(cuOccupancyAvailableDynamicSMemPerBlock)
UNUSED(cuOccupancyMaxActiveBlocksPerMultiprocessor)
UNUSED(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags)
UNUSED(cuOccupancyMaxActiveClusters)
UNUSED(cuOccupancyMaxPotentialBlockSize)
UNUSED(cuOccupancyMaxPotentialBlockSizeWithFlags)
UNUSED(cuOccupancyMaxPotentialClusterSize)
UNUSED(cuProfilerStart)
UNUSED(cuProfilerStop)
