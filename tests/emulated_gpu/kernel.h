/* What the C of translate.py is compiled with. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a thread is: its place in the block, the block's size, the block's place, how many blocks. */
struct position {
  uint32_t tid[3], ntid[3], ctaid[3], nctaid[3];
};

static inline float as_f32(uint32_t pattern) {
  float value;
  memcpy(&value, &pattern, sizeof value);
  return value;
}

static inline double as_f64(uint64_t pattern) {
  double value;
  memcpy(&value, &pattern, sizeof value);
  return value;
}

static inline uint32_t bits_f32(float value) {
  uint32_t pattern;
  memcpy(&pattern, &value, sizeof pattern);
  return pattern;
}

static inline uint64_t bits_f64(double value) {
  uint64_t pattern;
  memcpy(&pattern, &value, sizeof pattern);
  return pattern;
}

static inline float saturate(float value) {
  return value > 0 ? (value < 1 ? value : 1) : 0;
}

static void fail(const char *what) {
  fprintf(stderr, "emulated GPU: %s\n", what);
  abort();
}

/* The `turn`th of `count` in one of three orders: forwards, backwards, from the middle. */
static inline uint64_t ordered(uint64_t turn, uint64_t count, int order) {
  return order == 0 ? turn : order == 1 ? count - 1 - turn : (turn + count / 2) % count;
}

static inline void place(uint32_t *axes, uint64_t index, const uint32_t *sizes) {
  axes[0] = index % sizes[0];
  axes[1] = index / sizes[0] % sizes[1];
  axes[2] = index / sizes[0] / sizes[1];
}

static inline uint64_t volume(const uint32_t *sizes) {
  return (uint64_t)sizes[0] * sizes[1] * sizes[2];
}

/* Runs all threads of all blocks, one after the other. */
#define RUN                                                                                       \
  void run(const uint32_t *grid, const uint32_t *block, void **parameters, int order) {           \
    struct position at;                                                                           \
    memcpy(at.nctaid, grid, sizeof at.nctaid);                                                    \
    memcpy(at.ntid, block, sizeof at.ntid);                                                       \
    for (uint64_t i = 0; i < volume(grid); i++) {                                                 \
      place(at.ctaid, ordered(i, volume(grid), order), grid);                                     \
      for (uint64_t j = 0; j < volume(block); j++) {                                              \
        struct thread thread = {0};                                                               \
        place(at.tid, ordered(j, volume(block), order), block);                                   \
        step(&thread, &at, parameters);                                                           \
      }                                                                                           \
    }                                                                                             \
  }

/* Runs block after block; in a block every thread goes to its next barrier before one goes on, and it
   has to be the same one. Shared memory holds NaN at first. */
#define RUN_WITH_BARRIERS                                                                         \
  void run(const uint32_t *grid, const uint32_t *block, void **parameters, int order) {           \
    struct position at;                                                                           \
    uint64_t count = volume(block);                                                               \
    struct thread *threads = malloc(count * sizeof *threads);                                     \
    char *waits = malloc(count);                                                                  \
    memcpy(at.nctaid, grid, sizeof at.nctaid);                                                    \
    memcpy(at.ntid, block, sizeof at.ntid);                                                       \
    for (uint64_t i = 0; i < volume(grid); i++) {                                                 \
      place(at.ctaid, ordered(i, volume(grid), order), grid);                                     \
      memset(shared, 0xff, sizeof shared);                                                        \
      memset(threads, 0, count * sizeof *threads);                                                \
      memset(waits, 1, count);                                                                    \
      for (int barrier = 1; barrier;) {                                                           \
        barrier = 0;                                                                              \
        for (uint64_t j = 0; j < count; j++) {                                                    \
          uint64_t turn = ordered(j, count, order);                                               \
          if (!waits[turn]) continue;                                                             \
          place(at.tid, turn, block);                                                             \
          waits[turn] = step(&threads[turn], &at, parameters);                                    \
          if (!waits[turn]) continue;                                                             \
          if (barrier && barrier != threads[turn].state) fail("threads wait at two barriers");    \
          barrier = threads[turn].state;                                                          \
        }                                                                                         \
      }                                                                                           \
    }                                                                                             \
    free(threads);                                                                                \
    free(waits);                                                                                  \
  }
