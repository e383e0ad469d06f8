/* Loaded before the C library (LD_PRELOAD): kills the process at the $KILL_COUNT-th checkpoint that it
 * writes below a folder `runs`. $KILL_AT is the moment: "write" after half of the bytes, "named" before the
 * file gets its name, "unrecorded" right after. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static atomic_int named;

static int is_checkpoint(int descriptor) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, "/runs/") != NULL;
}

static int is_moment(const char *moment) {
    const char *at = getenv("KILL_AT"), *count = getenv("KILL_COUNT");
    return at && count && !strcmp(at, moment) && atomic_load(&named) + 1 == atoi(count);
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    if (is_moment("write") && is_checkpoint(descriptor)) {
        REAL(write)(descriptor, bytes, count / 2);
        kill(getpid(), SIGKILL);
    }
    return REAL(write)(descriptor, bytes, count);
}

int renameat(int from, const char *old, int to, const char *new) {
    if (!is_checkpoint(to)) return REAL(renameat)(from, old, to, new);
    if (is_moment("named")) kill(getpid(), SIGKILL);
    int result = REAL(renameat)(from, old, to, new);
    if (is_moment("unrecorded")) kill(getpid(), SIGKILL);
    atomic_fetch_add(&named, 1);
    return result;
}
