#ifndef HOTPLATE_CLINUX_H
#define HOTPLATE_CLINUX_H

// The Linux system calls and constants that Swift's Glibc module does not show.
// Every function returns what the call returns and leaves errno set.

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// What statx(2) tells of one file; times in nanoseconds since the epoch.
struct hp_status {
  uint64_t inode;
  uint64_t device;
  uint64_t size;
  uint64_t blocks;  // of 512 bytes
  uint64_t mount_id;
  int64_t birth_ns;  // 0 where the file system has no birth time
  int64_t modified_ns;
  int64_t changed_ns;
  uint32_t links;
  uint32_t mode;
  uint32_t owner;
  uint32_t has_birth;
};

/// statx(2) without following a last symlink; `path` may be "" to ask about `directory` itself.
int hp_status_at(int directory, const char *path, struct hp_status *status);

/// openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS and O_CLOEXEC.
int hp_open_beneath(int directory, const char *path, int flags, mode_t mode);

/// renameat2(2); flags below.
int hp_rename(int from_directory, const char *from, int to_directory, const char *to, unsigned flags);
extern const unsigned hp_rename_noreplace;
extern const unsigned hp_rename_exchange;

/// ioctl(FICLONE): makes `to` share the blocks of `from`.
int hp_clone(int to, int from);

/// fallocate(2) with the given mode; 0 allocates and extends.
int hp_allocate(int file, int mode, off_t offset, off_t length);

/// O_PATH of open(2): a place in the tree, without access to what it holds.
extern const int hp_o_path;
/// O_TMPFILE of open(2): a file without a name, gone when it is closed.
extern const int hp_o_tmpfile;

ssize_t hp_copy_file_range(int from, off_t *from_offset, int to, off_t *to_offset, size_t length);

int hp_syncfs(int file);

/// eventfd(2), close-on-exec and non-blocking.
int hp_eventfd(void);

/// A read lease (F_SETLEASE): 0 when nobody has the file open for writing, and the lease is given back at once.
/// -1 with EAGAIN when there is a writer; -1 with another errno where leases are not allowed.
int hp_has_no_writer(int file);

/// The file-system type of statfs(2), or -1.
int64_t hp_filesystem_type(int file);
/// Free bytes for an ordinary user as of statfs(2), or -1.
int64_t hp_free_bytes(int file);

/// prctl(PR_SET_CHILD_SUBREAPER): while `on`, orphans among the descendants become children of this process.
int hp_set_subreaper(int on);

/// pidfd_open(2), close-on-exec; and pidfd_send_signal(2).
int hp_pidfd_open(pid_t process);
int hp_pidfd_signal(int pidfd, int signal);

/// What a process may use, set from outside with prlimit(2), soft and hard alike; and its nice value.
struct hp_limits {
  uint64_t address_space;  // bytes
  uint64_t file_size;      // bytes
  uint64_t cpu_seconds;
  int nice;
};
/// Sets them all, and no core dumps; -1 with the errno of the first that failed.
int hp_limit(pid_t process, const struct hp_limits *limits);

int hp_flock_exclusive(int file);
int hp_flock_shared(int file);

#endif
