#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

// Added in Linux 5.8; the headers of Debian 12 may be older than the kernel.
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif

// Added in Linux 6.8: a number that no later mount gets again. Older kernels ignore it.
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000U
#endif

const int hp_o_path = O_PATH;
const int hp_o_tmpfile = O_TMPFILE;
const unsigned hp_rename_noreplace = RENAME_NOREPLACE;
const unsigned hp_rename_exchange = RENAME_EXCHANGE;

static int64_t nanoseconds(struct statx_timestamp t) {
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int hp_status_at(int directory, const char *path, struct hp_status *status) {
  struct statx s;
  int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  if (path[0] == 0) flags |= AT_EMPTY_PATH;
  unsigned wanted = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID | STATX_MNT_ID_UNIQUE;
  if (statx(directory, path, flags, wanted, &s) != 0) return -1;
  status->inode = s.stx_ino;
  status->device = makedev(s.stx_dev_major, s.stx_dev_minor);
  status->size = s.stx_size;
  status->blocks = s.stx_blocks;
  status->mount_id = s.stx_mnt_id;
  status->has_birth = (s.stx_mask & STATX_BTIME) != 0;
  status->birth_ns = status->has_birth ? nanoseconds(s.stx_btime) : 0;
  status->modified_ns = nanoseconds(s.stx_mtime);
  status->changed_ns = nanoseconds(s.stx_ctime);
  status->links = s.stx_nlink;
  status->mode = s.stx_mode;
  status->owner = s.stx_uid;
  return 0;
}

int hp_open_beneath(int directory, const char *path, int flags, mode_t mode) {
  struct open_how how = {
      .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
      .mode = (flags & (O_CREAT | O_TMPFILE)) ? mode : 0,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
  };
  return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

int hp_rename(int from_directory, const char *from, int to_directory, const char *to, unsigned flags) {
  return renameat2(from_directory, from, to_directory, to, flags);
}

int hp_clone(int to, int from) { return ioctl(to, FICLONE, from); }

int hp_allocate(int file, int mode, off_t offset, off_t length) {
  return fallocate(file, mode, offset, length);
}

ssize_t hp_copy_file_range(int from, off_t *from_offset, int to, off_t *to_offset, size_t length) {
  return copy_file_range(from, from_offset, to, to_offset, length, 0);
}

int hp_syncfs(int file) { return syncfs(file); }

int hp_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int hp_has_no_writer(int file) {
  if (fcntl(file, F_SETLEASE, F_RDLCK) != 0) return -1;
  return fcntl(file, F_SETLEASE, F_UNLCK);
}

int64_t hp_filesystem_type(int file) {
  struct statfs s;
  return fstatfs(file, &s) == 0 ? (int64_t)s.f_type : -1;
}

int64_t hp_free_bytes(int file) {
  struct statfs s;
  return fstatfs(file, &s) == 0 ? (int64_t)s.f_bavail * (int64_t)s.f_frsize : -1;
}

int hp_set_subreaper(int on) { return prctl(PR_SET_CHILD_SUBREAPER, on, 0, 0, 0); }

int hp_pidfd_open(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }

int hp_pidfd_signal(int pidfd, int signal) {
  return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

static int limit(pid_t process, int resource, uint64_t value) {
  struct rlimit now;
  if (prlimit(process, resource, NULL, &now) != 0) return -1;
  // Never above what it was given: raising takes a privilege.
  if (now.rlim_max < value) value = now.rlim_max;
  struct rlimit wanted = {.rlim_cur = value, .rlim_max = value};
  return prlimit(process, resource, &wanted, NULL);
}

int hp_limit(pid_t process, const struct hp_limits *limits) {
  if (limit(process, RLIMIT_AS, limits->address_space) != 0) return -1;
  if (limit(process, RLIMIT_FSIZE, limits->file_size) != 0) return -1;
  if (limit(process, RLIMIT_CPU, limits->cpu_seconds) != 0) return -1;
  if (limit(process, RLIMIT_CORE, 0) != 0) return -1;
  return setpriority(PRIO_PROCESS, (id_t)process, limits->nice);
}

int hp_flock_exclusive(int file) { return flock(file, LOCK_EX | LOCK_NB); }
int hp_flock_shared(int file) { return flock(file, LOCK_SH | LOCK_NB); }
