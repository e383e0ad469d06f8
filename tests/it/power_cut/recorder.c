/* Loaded before the C library (LD_PRELOAD): writes down every change of a file below
 * $POWER_CUT_ROOT, every fsync and everything that is printed, in the order in which they happen. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;
static char root[PATH_MAX];
static ssize_t (*real_write)(int, const void *, size_t);

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("POWER_CUT_JOURNAL"), *below = getenv("POWER_CUT_ROOT");
    real_write = REAL(write);
    if (!path || !below) return;
    strncpy(root, below, sizeof root - 1);
    journal = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* The absolute path of a name in a folder; 0 unless it is below the root. */
static int below_root(int folder, const char *name, char *out) {
    char base[PATH_MAX] = "";
    if (journal < 0 || !name) return 0;
    if (name[0] != '/') {
        if (folder == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return 0;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
            ssize_t length = readlink(link, base, sizeof base - 1);
            if (length < 0) return 0;
            base[length] = 0;
        }
        if (snprintf(out, PATH_MAX, "%s/%s", base, name) >= PATH_MAX) return 0;
    } else {
        snprintf(out, PATH_MAX, "%s", name);
    }
    size_t length = strlen(out);
    if (length > 2 && !strcmp(out + length - 2, "/.")) out[length - 2] = 0;
    size_t prefix = strlen(root);
    return !strncmp(out, root, prefix) && (out[prefix] == '/' || !out[prefix]);
}

static int path_of(int file, char *out) {
    char link[64];
    if (journal < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, out, PATH_MAX - 1);
    if (length < 0) return 0;
    out[length] = 0;
    size_t prefix = strlen(root);
    return !strncmp(out, root, prefix) && (out[prefix] == '/' || !out[prefix]);
}

/* A line `kind offset length path`, then so many bytes. */
static void note(const char *kind, long long offset, const void *bytes, size_t length,
                 const char *path) {
    char line[PATH_MAX + 64];
    int size = snprintf(line, sizeof line, "%s %lld %zu %s\n", kind, offset, length, path);
    real_write(journal, line, (size_t)size);
    if (bytes) real_write(journal, bytes, length);
}

static void lock(void) { pthread_mutex_lock(&turn); }
static void unlock(void) {
    int saved = errno;
    pthread_mutex_unlock(&turn);
    errno = saved;
}

static int opened(int folder, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    struct stat found;
    lock();
    int ours = below_root(folder, name, path);
    int there = ours && !fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW);
    int file = REAL(openat)(folder, name, flags, mode);
    if (file >= 0 && ours && !there && (flags & O_CREAT)) note("create", 0, NULL, 0, path);
    if (file >= 0 && ours && there && (flags & O_TRUNC)) note("truncate", 0, NULL, 0, path);
    unlock();
    return file;
}

#define MODE                                   \
    mode_t mode = 0;                           \
    if (flags & (O_CREAT | O_TMPFILE)) {       \
        va_list rest;                          \
        va_start(rest, flags);                 \
        mode = (mode_t)va_arg(rest, unsigned); \
        va_end(rest);                          \
    }

int open(const char *name, int flags, ...) { MODE return opened(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE return opened(AT_FDCWD, name, flags, mode); }
int openat(int folder, const char *name, int flags, ...) {
    MODE return opened(folder, name, flags, mode);
}
int openat64(int folder, const char *name, int flags, ...) {
    MODE return opened(folder, name, flags, mode);
}

static void wrote(int file, const void *bytes, ssize_t done, long long offset, const char *path,
                  int ours) {
    if (done <= 0) return;
    if (ours) note("write", offset, bytes, (size_t)done, path);
    else if (journal >= 0 && (file == 1 || file == 2)) note("say", 0, bytes, (size_t)done, "-");
}

ssize_t write(int file, const void *bytes, size_t length) {
    char path[PATH_MAX];
    lock();
    int ours = path_of(file, path);
    ssize_t done = real_write(file, bytes, length);
    wrote(file, bytes, done, ours ? (long long)lseek(file, 0, SEEK_CUR) - done : 0, path, ours);
    unlock();
    return done;
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    ssize_t all = 0;
    for (int i = 0; i < count; i++) {
        ssize_t done = write(file, parts[i].iov_base, parts[i].iov_len);
        if (done < 0) return all ? all : done;
        all += done;
        if ((size_t)done < parts[i].iov_len) break;
    }
    return all;
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t offset) {
    char path[PATH_MAX];
    lock();
    int ours = path_of(file, path);
    ssize_t done = REAL(pwrite64)(file, bytes, length, offset);
    wrote(file, bytes, done, (long long)offset, path, ours);
    unlock();
    return done;
}
ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) {
    return pwrite64(file, bytes, length, offset);
}

int ftruncate64(int file, off64_t length) {
    char path[PATH_MAX];
    lock();
    int ours = path_of(file, path);
    int done = REAL(ftruncate64)(file, length);
    if (!done && ours) note("truncate", (long long)length, NULL, 0, path);
    unlock();
    return done;
}
int ftruncate(int file, off_t length) { return ftruncate64(file, length); }

static int synced(int file, int (*sync)(int)) {
    char path[PATH_MAX];
    lock();
    int ours = path_of(file, path);
    int done = sync(file);
    if (!done && ours) note("sync", 0, NULL, 0, path);
    unlock();
    return done;
}
int fsync(int file) { return synced(file, REAL(fsync)); }
int fdatasync(int file) { return synced(file, REAL(fdatasync)); }

static int removed(int folder, const char *name, int flags) {
    char path[PATH_MAX];
    lock();
    int ours = below_root(folder, name, path);
    int done = REAL(unlinkat)(folder, name, flags);
    if (!done && ours) note("remove", 0, NULL, 0, path);
    unlock();
    return done;
}
int unlink(const char *name) { return removed(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return removed(AT_FDCWD, name, AT_REMOVEDIR); }
int unlinkat(int folder, const char *name, int flags) { return removed(folder, name, flags); }

int mkdirat(int folder, const char *name, mode_t mode) {
    char path[PATH_MAX];
    lock();
    int ours = below_root(folder, name, path);
    int done = REAL(mkdirat)(folder, name, mode);
    if (!done && ours) note("folder", 0, NULL, 0, path);
    unlock();
    return done;
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
    char path[PATH_MAX], target[PATH_MAX];
    lock();
    int ours = below_root(from, old, path) && below_root(to, new, target);
    int done = REAL(renameat2)(from, old, to, new, flags);
    if (!done && ours) note("rename", 0, target, strlen(target), path);
    unlock();
    return done;
}
int renameat(int from, const char *old, int to, const char *new) {
    return renameat2(from, old, to, new, 0);
}
int rename(const char *old, const char *new) { return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0); }
