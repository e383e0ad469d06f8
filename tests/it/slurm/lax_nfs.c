/* Loaded before the C library (LD_PRELOAD): below $LAX_ROOT, does what network file systems do.
 * Every third mkdir and rename happens and reports the error of a repeated request, every fifth
 * open to read finds a stale handle, and names are seen in folders half a second late. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static atomic_int folders, names, opens;

static int is_below(int folder, const char *name) {
    const char *root = getenv("LAX_ROOT");
    char base[PATH_MAX] = "", path[2 * PATH_MAX], link[64];
    if (!root || !name) return 0;
    if (name[0] != '/' && folder == AT_FDCWD && !getcwd(base, sizeof base)) return 0;
    if (name[0] != '/' && folder != AT_FDCWD) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t length = readlink(link, base, sizeof base - 1);
        if (length < 0) return 0;
        base[length] = 0;
    }
    snprintf(path, sizeof path, "%s/%s", base, name);
    const char *absolute = name[0] == '/' ? name : path;
    return !strncmp(absolute, root, strlen(root));
}

/* The result of a call that happened, or the error of its repetition. */
static int repeated(int result, int below, atomic_int *count, int error) {
    if (result == 0 && below && atomic_fetch_add(count, 1) % 3 == 2) {
        errno = error;
        return -1;
    }
    return result;
}

int mkdir(const char *path, mode_t mode) {
    return repeated(REAL(mkdir)(path, mode), is_below(AT_FDCWD, path), &folders, EEXIST);
}

int mkdirat(int folder, const char *path, mode_t mode) {
    return repeated(REAL(mkdirat)(folder, path, mode), is_below(folder, path), &folders, EEXIST);
}

int rename(const char *from, const char *to) {
    return repeated(REAL(rename)(from, to), is_below(AT_FDCWD, to), &names, ENOENT);
}

int renameat(int a, const char *from, int b, const char *to) {
    return repeated(REAL(renameat)(a, from, b, to), is_below(b, to), &names, ENOENT);
}

static int is_stale(int folder, const char *path, int flags) {
    if ((flags & (O_ACCMODE | O_CREAT | O_DIRECTORY)) != O_RDONLY) return 0;
    struct stat found;
    if (!is_below(folder, path) || fstatat(folder, path, &found, 0) || !S_ISREG(found.st_mode)) return 0;
    if (atomic_fetch_add(&opens, 1) % 5 != 4) return 0;
    errno = ESTALE;
    return 1;
}

#define MODE(flags, mode) \
    mode_t mode = 0; \
    if ((flags) & O_CREAT) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open64(const char *path, int flags, ...) {
    MODE(flags, mode)
    return is_stale(AT_FDCWD, path, flags) ? -1 : REAL(open64)(path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
    MODE(flags, mode)
    return is_stale(folder, path, flags) ? -1 : REAL(openat)(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...) {
    MODE(flags, mode)
    return is_stale(folder, path, flags) ? -1 : REAL(openat64)(folder, path, flags, mode);
}

struct dirent64 *readdir64(DIR *folder) {
    struct dirent64 *entry;
    while ((entry = REAL(readdir64)(folder))) {
        struct stat found;
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        if (entry->d_name[0] == '.' || !is_below(dirfd(folder), entry->d_name)) return entry;
        if (fstatat(dirfd(folder), entry->d_name, &found, AT_SYMLINK_NOFOLLOW)) return entry;
        double age = (double)(now.tv_sec - found.st_ctim.tv_sec) + 1e-9 * (double)(now.tv_nsec - found.st_ctim.tv_nsec);
        if (age >= 0.5) return entry;
    }
    return NULL;
}
