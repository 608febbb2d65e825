/* Stands before libc in a server under test. Of all that its threads do to the files in KASIR_TEST_DIR it
 *
 * - writes down what and when, with the bytes, into KASIR_TEST_RECORD (tests/crash/disk.py reads it), and
 * - dies by SIGKILL at one moment: KASIR_TEST_DIE is "<kind> <name> <count> <when>", as in "s data.mdb 2 b": the kind of
 *   call as below, the file's name, at the how manyth such call, and b(efore), m(idway) or a(fter) it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* The kinds of calls. */
enum { CREATED = 'o', WROTE = 'w', SYNCED = 's', CUT = 'c', RENAMED = 'r', REMOVED = 'u' };

/* What begins a record; the name and the bytes follow. Times are the monotonic clock's, in nanoseconds. */
struct head { uint64_t begin, end, offset, length, bytes; uint32_t kind, name; };

#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, name)

static uint64_t now(void) {
  struct timespec t;
  syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The name below the directory; empty for the directory itself; NULL for what lies elsewhere. */
static const char *below(const char *path) {
  const char *dir = getenv("KASIR_TEST_DIR");
  size_t length = dir ? strlen(dir) : 0;
  if (!length || strncmp(path, dir, length) != 0) return NULL;
  return path[length] == '/' ? path + length + 1 : path[length] == 0 ? path + length : NULL;
}

static const char *named(int fd, char path[PATH_MAX]) {
  char link[40];
  int saved = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = syscall(SYS_readlink, link, path, PATH_MAX - 1);
  errno = saved;
  if (length <= 0 || path[0] != '/') return NULL;
  path[length] = 0;
  return strstr(path, " (deleted)") ? NULL : below(path);
}

static void put(uint32_t kind, const char *name, size_t name_bytes, uint64_t begin, uint64_t offset, uint64_t length,
                const struct iovec *parts, int count, size_t bytes) {
  static int record = -1;
  int saved = errno;
  if (record < 0) {
    const char *path = getenv("KASIR_TEST_RECORD");
    if (!path) return;
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    record = fcntl(file, F_DUPFD_CLOEXEC, 900);
    syscall(SYS_close, file);
  }
  struct head head = {begin, now(), offset, length, bytes, kind, (uint32_t)name_bytes};
  struct iovec all[2 + 1024] = {{&head, sizeof head}, {(void *)name, name_bytes}};
  int used = 2;
  for (int i = 0; i < count && i < 1024 && bytes; i++) {
    all[used] = parts[i];
    if (all[used].iov_len > bytes) all[used].iov_len = bytes;
    bytes -= all[used++].iov_len;
  }
  size_t whole = 0;
  for (int i = 0; i < used; i++) whole += all[i].iov_len;
  /* One call: what several threads write down does not mix. Half a record helps nobody. */
  if (syscall(SYS_writev, record, all, used) != (ssize_t)whole) abort();
  errno = saved;
}

/* The how manyth call of the kind and name that are to be died at; 0 of any other. */
static int counted(uint32_t kind, const char *name, int *wanted, char *when) {
  static int count;
  const char *said = getenv("KASIR_TEST_DIE");
  char wanted_kind, wanted_name[256];
  if (!name || !said || sscanf(said, "%c %255s %d %c", &wanted_kind, wanted_name, wanted, when) != 4) return 0;
  if (kind != (uint32_t)wanted_kind || strcmp(*name ? name : ".", wanted_name) != 0) return 0;
  return __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
}

/* Held by each call until it is written down, so that who dies leaves nothing that is not. */
static pthread_rwlock_t under_way = PTHREAD_RWLOCK_INITIALIZER;

static void die(void) {
  for (;;) { kill(getpid(), SIGKILL); pause(); }
}

/* When this call is to be died at: m(idway), a(fter), or 0. Dies if it is before. */
static char begins(uint32_t kind, const char *name) {
  int wanted;
  char when;
  int number = counted(kind, name, &wanted, &when);
  if (!number || number != wanted) when = 0;
  if (when == 'b') { pthread_rwlock_wrlock(&under_way); die(); }
  if (name) pthread_rwlock_rdlock(&under_way);
  return when;
}

static void ended(const char *name, char when) {
  if (!name) return;
  pthread_rwlock_unlock(&under_way);
  if (when == 'a') { pthread_rwlock_wrlock(&under_way); die(); }
}

static ssize_t write_at(int fd, const struct iovec *parts, int count, off_t at, int has_place) {
  return has_place ? syscall(SYS_pwritev, fd, parts, count, at, 0) : syscall(SYS_writev, fd, parts, count);
}

static ssize_t write_parts(int fd, const struct iovec *parts, int count, off_t at, int has_place) {
  char path[PATH_MAX];
  const char *name = named(fd, path);
  char when = begins(WROTE, name);
  struct iovec half = {parts[0].iov_base, parts[0].iov_len / 2};
  if (when == 'm') {
    pthread_rwlock_unlock(&under_way);
    pthread_rwlock_wrlock(&under_way);
    parts = &half;
    count = 1;
  }
  uint64_t begin = now();
  ssize_t done = write_at(fd, parts, count, at, has_place);
  if (name && done > 0) {
    if (!has_place) at = syscall(SYS_lseek, fd, 0, SEEK_CUR) - done;
    put(WROTE, name, strlen(name), begin, (uint64_t)at, 0, parts, count, (size_t)done);
  }
  if (when == 'm') die();
  ended(name, when);
  return done;
}

ssize_t write(int fd, const void *b, size_t n) {
  struct iovec part = {(void *)b, n};
  return write_parts(fd, &part, 1, 0, 0);
}
ssize_t writev(int fd, const struct iovec *v, int n) { return write_parts(fd, v, n, 0, 0); }
ssize_t pwrite(int fd, const void *b, size_t n, off_t o) {
  struct iovec part = {(void *)b, n};
  return write_parts(fd, &part, 1, o, 1);
}
ssize_t pwrite64(int fd, const void *b, size_t n, off_t o) { return pwrite(fd, b, n, o); }
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t o) { return write_parts(fd, v, n, o, 1); }
ssize_t pwritev64(int fd, const struct iovec *v, int n, off_t o) { return write_parts(fd, v, n, o, 1); }

static int sync_by(int fd, long number) {
  char path[PATH_MAX];
  const char *name = named(fd, path);
  char when = begins(SYNCED, name);
  uint64_t begin = now();
  int failed = (int)syscall(number, fd);
  if (name && !failed) put(SYNCED, name, strlen(name), begin, 0, 0, NULL, 0, 0);
  ended(name, when);
  return failed;
}
int fsync(int fd) { return sync_by(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_by(fd, SYS_fdatasync); }

int ftruncate(int fd, off_t length) {
  char path[PATH_MAX];
  const char *name = named(fd, path);
  char when = begins(CUT, name);
  uint64_t begin = now();
  int failed = (int)syscall(SYS_ftruncate, fd, length);
  if (name && !failed) put(CUT, name, strlen(name), begin, 0, (uint64_t)length, NULL, 0, 0);
  ended(name, when);
  return failed;
}
int ftruncate64(int fd, off_t length) { return ftruncate(fd, length); }

static int open_by(int dir, const char *path, int flags, mode_t mode) {
  const char *name = flags & (O_CREAT | O_TRUNC) ? below(path) : NULL;
  uint32_t kind = CUT;
  if (name) {
    int saved = errno;
    if (syscall(SYS_faccessat, dir, path, F_OK) != 0) kind = CREATED;
    else if (!(flags & O_TRUNC)) name = NULL;
    errno = saved;
  }
  char when = begins(kind, name);
  uint64_t begin = now();
  int fd = (int)syscall(SYS_openat, dir, path, flags, mode);
  if (name && fd >= 0) put(kind, name, strlen(name), begin, 0, 0, NULL, 0, 0);
  ended(name, when);
  return fd;
}
#define MODE(flags) mode_t mode = 0; \
  if ((flags) & (O_CREAT | __O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }
int open(const char *path, int flags, ...) { MODE(flags); return open_by(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags); return open_by(AT_FDCWD, path, flags, mode); }
int openat(int dir, const char *path, int flags, ...) { MODE(flags); return open_by(dir, path, flags, mode); }
int openat64(int dir, const char *path, int flags, ...) { MODE(flags); return open_by(dir, path, flags, mode); }

int rename(const char *from, const char *to) {
  REAL(int, "rename", const char *, const char *);
  const char *name = below(from), *other = name ? below(to) : NULL;
  char when = begins(RENAMED, other);
  uint64_t begin = now();
  int failed = real(from, to);
  if (other && !failed) {
    char both[2 * PATH_MAX];
    int length = snprintf(both, sizeof both, "%s%c%s", name, 0, other);
    put(RENAMED, both, (size_t)length, begin, 0, 0, NULL, 0, 0);
  }
  ended(other, when);
  return failed;
}

int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  const char *name = below(path);
  char when = begins(REMOVED, name);
  uint64_t begin = now();
  int failed = real(path);
  if (name && !failed) put(REMOVED, name, strlen(name), begin, 0, 0, NULL, 0, 0);
  ended(name, when);
  return failed;
}
