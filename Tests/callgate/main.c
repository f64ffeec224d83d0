// Runs a program and stands at the gate of its system calls: before the Nth call that matters it kills the program,
// lets the call fail, or holds it until the test says go on.
//
//   callgate [OPTION…] [--kill N | --fail ERRNO | --hold N] -- PROGRAM ARGUMENT…
//
//   --calls NAME,NAME   which calls matter; without it, all that change files (an open only if it makes or empties one)
//   --about GLOB        … and only those about a path like this; a rename or link is about both of its names.
//                       May be given again: any of them will do. '*' takes in '/'
//   --not GLOB          … and about no path like this; may be given again
//   --tell FILE         appends a line for each call that matters: its number, its name, its path; and for a deed
//                       'kill', 'fail' or 'hold' before them
//   --kill N            SIGKILL instead of the Nth, which is not made
//   --fail ERRNO        the calls from --from N (1) on, --times M of them (all), fail with this number
//   --hold N            the Nth waits until the file --until PATH exists
//   --until PATH        ends a hold, and ends failing, once it exists
//
// Unlike strace it counts over all threads, in the one order in which the calls come, and it costs nothing on other
// calls. It is told of them by seccomp_unotify(2), so it needs Linux 5.6 and no privilege; exit code 77 says that this
// machine does not let it. What a process writes through mmap is no call and is not seen.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "add this machine's AUDIT_ARCH_ here"
#endif

// The clone ioctl of linux/fs.h, which does not go together with the C library's headers everywhere.
#define CLONE_IOCTL 0x40049409u

enum about {
  DESCRIPTOR,   // argument 0 is a descriptor
  PATH,         // argument 0 is a path
  AT,           // arguments 0 and 1 are a directory and a path
  TWO_AT,       // arguments 0 and 1, 2 and 3
  TARGET_AT,    // arguments 1 and 2, as of symlinkat(2)
  TARGET_PATH,  // argument 1 is a path, as of symlink(2)
};

struct call {
  const char *name;
  int number;
  enum about about;
  int changes;
};

static const struct call known[] = {
#define CALL(name, about, changes) {#name, __NR_##name, about, changes}
    CALL(openat, AT, 1), CALL(openat2, AT, 1), CALL(write, DESCRIPTOR, 1), CALL(pwrite64, DESCRIPTOR, 1),
    CALL(writev, DESCRIPTOR, 1), CALL(pwritev, DESCRIPTOR, 1), CALL(pwritev2, DESCRIPTOR, 1),
    CALL(copy_file_range, DESCRIPTOR, 1), CALL(sendfile, DESCRIPTOR, 1), CALL(fallocate, DESCRIPTOR, 1),
    CALL(ftruncate, DESCRIPTOR, 1), CALL(truncate, PATH, 1), CALL(mkdirat, AT, 1), CALL(unlinkat, AT, 1),
    CALL(renameat2, TWO_AT, 1), CALL(linkat, TWO_AT, 1), CALL(symlinkat, TARGET_AT, 1), CALL(mknodat, AT, 1),
    CALL(fchmod, DESCRIPTOR, 1), CALL(fchmodat, AT, 1), CALL(fchown, DESCRIPTOR, 1), CALL(fchownat, AT, 1),
    CALL(utimensat, AT, 1), CALL(fsetxattr, DESCRIPTOR, 1), CALL(setxattr, PATH, 1), CALL(ioctl, DESCRIPTOR, 1),
    CALL(fsync, DESCRIPTOR, 1), CALL(fdatasync, DESCRIPTOR, 1), CALL(syncfs, DESCRIPTOR, 1),
    CALL(sync_file_range, DESCRIPTOR, 1),
#ifdef __NR_open
    CALL(open, PATH, 1), CALL(creat, PATH, 1), CALL(mkdir, PATH, 1), CALL(rmdir, PATH, 1), CALL(unlink, PATH, 1),
    CALL(rename, PATH, 1), CALL(link, TARGET_PATH, 1), CALL(symlink, TARGET_PATH, 1), CALL(chmod, PATH, 1),
    CALL(chown, PATH, 1), CALL(lchown, PATH, 1),
#endif
#ifdef __NR_renameat
    CALL(renameat, TWO_AT, 1),
#endif
    CALL(pread64, DESCRIPTOR, 0), CALL(statx, AT, 0), CALL(fstatfs, DESCRIPTOR, 0), CALL(readlinkat, AT, 0),
    CALL(getdents64, DESCRIPTOR, 0), CALL(close, DESCRIPTOR, 0), CALL(lseek, DESCRIPTOR, 0),
#undef CALL
};
enum { KNOWN = sizeof known / sizeof *known, GLOBS = 16 };

static struct {
  char wanted[KNOWN];
  int given;
  const char *about[GLOBS], *without[GLOBS];
  int abouts, withouts;
  const char *tell, *until;
  long kill, hold, from, times;
  int error;
} options = {.from = 1, .times = -1};

static void leave(int code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "callgate: ");
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  va_end(arguments);
  _exit(code);
}

static void want(char *names) {
  options.given = 1;
  for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
    int found = 0;
    for (int i = 0; i < KNOWN; i++)
      if (strcmp(known[i].name, name) == 0) options.wanted[i] = found = 1;
    if (!found) leave(64, "no call '%s' is known here", name);
  }
}

static char **parse(char **word) {
  for (; *word && strcmp(*word, "--") != 0; word += 2) {
    if (!word[1]) leave(64, "'%s' wants a value", *word);
    if (strcmp(*word, "--calls") == 0) want(word[1]);
    else if (strcmp(*word, "--about") == 0 && options.abouts < GLOBS) options.about[options.abouts++] = word[1];
    else if (strcmp(*word, "--not") == 0 && options.withouts < GLOBS) options.without[options.withouts++] = word[1];
    else if (strcmp(*word, "--tell") == 0) options.tell = word[1];
    else if (strcmp(*word, "--until") == 0) options.until = word[1];
    else if (strcmp(*word, "--kill") == 0) options.kill = atol(word[1]);
    else if (strcmp(*word, "--hold") == 0) options.hold = atol(word[1]);
    else if (strcmp(*word, "--fail") == 0) options.error = atoi(word[1]);
    else if (strcmp(*word, "--from") == 0) options.from = atol(word[1]);
    else if (strcmp(*word, "--times") == 0) options.times = atol(word[1]);
    else leave(64, "what is '%s'?", *word);
  }
  if (!*word || !word[1]) leave(64, "no program is given");
  for (int i = 0; i < KNOWN && !options.given; i++) options.wanted[i] = known[i].changes;
  return word + 1;
}

// Asks to be told of the wanted calls, from here on and for all that this process becomes.
static int install(void) {
  struct sock_filter program[KNOWN + 8];
  unsigned short length = 0;
  program[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
  program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
  program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  program[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  int count = 0;
  for (int i = 0; i < KNOWN; i++) count += options.wanted[i];
  int left = count;
  for (int i = 0; i < KNOWN; i++) {
    if (!options.wanted[i]) continue;
    // To the last instruction but one if it is this call.
    program[length++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)known[i].number, (unsigned char)left, 0);
    left--;
  }
  program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
  struct sock_fprog filter = {.len = length, .filter = program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
}

static void text_at(pid_t task, unsigned long long address, char *text, size_t size) {
  struct iovec to = {.iov_base = text, .iov_len = size - 1}, from = {.iov_base = (void *)address};
  // As far as the page goes: what follows it may not be mapped.
  size_t in_page = 4096 - address % 4096;
  from.iov_len = in_page < size - 1 ? in_page : size - 1;
  ssize_t got = process_vm_readv(task, &to, 1, &from, 1, 0);
  text[got > 0 ? got : 0] = 0;
  if (got > 0 && strlen(text) == (size_t)got && (size_t)got < size - 1) {
    to = (struct iovec){.iov_base = text + got, .iov_len = size - 1 - (size_t)got};
    from = (struct iovec){.iov_base = (char *)address + got, .iov_len = to.iov_len};
    ssize_t more = process_vm_readv(task, &to, 1, &from, 1, 0);
    text[got + (more > 0 ? more : 0)] = 0;
  }
}

static void descriptor_path(pid_t task, int descriptor, char *text, size_t size) {
  char link[64];
  snprintf(link, sizeof link, descriptor == AT_FDCWD ? "/proc/%d/cwd" : "/proc/%d/fd/%d", task, descriptor);
  ssize_t got = readlink(link, text, size - 1);
  text[got > 0 ? got : 0] = 0;
}

static void path_at(pid_t task, int directory, unsigned long long address, char *text, size_t size) {
  char name[2048] = "";
  if (address) text_at(task, address, name, sizeof name);
  if (name[0] == '/') {
    snprintf(text, size, "%s", name);
    return;
  }
  descriptor_path(task, directory, text, size);
  size_t length = strlen(text);
  if (name[0]) snprintf(text + length, size - length, "/%s", name);
}

// The paths of a call: the second is empty for most.
static void paths_of(const struct call *call, const struct seccomp_notif *notice, char first[4096], char second[4096]) {
  const __u64 *arguments = notice->data.args;
  pid_t task = (pid_t)notice->pid;
  first[0] = second[0] = 0;
  switch (call->about) {
    case DESCRIPTOR: descriptor_path(task, (int)arguments[0], first, 4096); break;
    case PATH: path_at(task, AT_FDCWD, arguments[0], first, 4096); break;
    case AT: path_at(task, (int)arguments[0], arguments[1], first, 4096); break;
    case TARGET_AT: path_at(task, (int)arguments[1], arguments[2], first, 4096); break;
    case TARGET_PATH: path_at(task, AT_FDCWD, arguments[1], first, 4096); break;
    case TWO_AT:
      path_at(task, (int)arguments[0], arguments[1], first, 4096);
      path_at(task, (int)arguments[2], arguments[3], second, 4096);
      break;
  }
}

static int is_like_any(const char *path, const char *const globs[], int count) {
  for (int i = 0; i < count; i++)
    if (path[0] && fnmatch(globs[i], path, 0) == 0) return 1;
  return 0;
}

// Whether a call that is no question of its path changes anything at all.
static int changes(const struct call *call, const struct seccomp_notif *notice, const char *path) {
  const __u64 *arguments = notice->data.args;
  __u64 flags = 0;
  if (options.given) return 1;
  if (call->number == __NR_openat) {
    flags = arguments[2];
  } else if (call->number == __NR_openat2) {
    struct iovec to = {.iov_base = &flags, .iov_len = sizeof flags};
    struct iovec from = {.iov_base = (void *)arguments[2], .iov_len = sizeof flags};
    if (process_vm_readv((pid_t)notice->pid, &to, 1, &from, 1, 0) < 0) return 1;
#ifdef __NR_open
  } else if (call->number == __NR_open) {
    flags = arguments[1];
#endif
  } else if (call->number == __NR_ioctl) {
    return (unsigned)arguments[1] == CLONE_IOCTL;
  } else {
    // Pipes, sockets and eventfds are no files.
    return path[0] == '/';
  }
  return (flags & (O_CREAT | O_TRUNC)) != 0;
}

static const struct call *call_of(int number) {
  for (int i = 0; i < KNOWN; i++)
    if (known[i].number == number && options.wanted[i]) return &known[i];
  return NULL;
}

static void say(int file, const char *deed, long number, const char *name, const char *path, const char *second) {
  if (file < 0) return;
  char line[9000];
  int length = snprintf(
      line, sizeof line, "%s%ld %s %s%s%s\n", deed, number, name, path, second[0] ? " -> " : "", second);
  if (write(file, line, (size_t)length) < 0) {
    // The test misses the line.
  }
}

static int has_come(const char *path) { return path && access(path, F_OK) == 0; }

static void supervise(int listener, pid_t program) {
  struct seccomp_notif_sizes sizes;
  if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0) return;
  size_t notice_size = sizes.seccomp_notif > sizeof(struct seccomp_notif) ? sizes.seccomp_notif : sizeof(struct seccomp_notif);
  size_t answer_size =
      sizes.seccomp_notif_resp > sizeof(struct seccomp_notif_resp) ? sizes.seccomp_notif_resp : sizeof(struct seccomp_notif_resp);
  struct seccomp_notif *notice = calloc(1, notice_size);
  struct seccomp_notif_resp *answer = calloc(1, answer_size);
  int tell = options.tell ? open(options.tell, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
  char first[4096], second[4096];
  long count = 0;
  __u64 held = 0;
  int holds = 0;
  for (;;) {
    struct pollfd events = {.fd = listener, .events = POLLIN};
    int ready = poll(&events, 1, holds ? 1 : -1);
    if (holds && has_come(options.until)) {
      memset(answer, 0, answer_size);
      answer->id = held;
      answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
      ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, answer);
      holds = 0;
    }
    if (ready <= 0) continue;
    if (!(events.revents & POLLIN)) return;  // Nobody is left who could call.
    memset(notice, 0, notice_size);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, notice) != 0) {
      if (errno == EINTR || errno == ENOENT) continue;
      return;
    }
    memset(answer, 0, answer_size);
    answer->id = notice->id;
    answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    const struct call *call = call_of(notice->data.nr);
    if (call) {
      paths_of(call, notice, first, second);
      int matters = options.abouts == 0 || is_like_any(first, options.about, options.abouts) ||
                    is_like_any(second, options.about, options.abouts);
      if (is_like_any(first, options.without, options.withouts) || is_like_any(second, options.without, options.withouts))
        matters = 0;
      if (matters && changes(call, notice, first)) {
        count++;
        const char *deed = "";
        if (options.kill == count) {
          deed = "kill ";
        } else if (options.hold == count && !has_come(options.until)) {
          deed = "hold ";
        } else if (
            options.error && count >= options.from && (options.times < 0 || count < options.from + options.times) &&
            !has_come(options.until)) {
          deed = "fail ";
        }
        say(tell, deed, count, call->name, first, second);
        if (deed[0] == 'k') {
          kill(program, SIGKILL);
          continue;
        }
        if (deed[0] == 'h') {
          held = notice->id;
          holds = 1;
          continue;
        }
        if (deed[0] == 'f') {
          answer->flags = 0;
          answer->error = -options.error;
        }
      }
    }
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, answer);
  }
}

static void send_descriptor(int socket, int descriptor) {
  char byte = 0;
  struct iovec data = {.iov_base = &byte, .iov_len = 1};
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control = {0};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.bytes};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  if (sendmsg(socket, &message, 0) != 1) leave(71, "sendmsg: %s", strerror(errno));
}

static int receive_descriptor(int socket) {
  char byte;
  struct iovec data = {.iov_base = &byte, .iov_len = 1};
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control = {0};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.bytes};
  if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message)) return -1;
  int descriptor;
  memcpy(&descriptor, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof descriptor);
  return descriptor;
}

int main(int argc, char **argv) {
  (void)argc;
  char **program = parse(argv + 1);
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) leave(71, "socketpair: %s", strerror(errno));
  pid_t self = getpid();
  // The program keeps this process's number, so that who started it can wait for it; the gate stands apart, and is
  // nobody's child whom the program might wait for.
  pid_t child = fork();
  if (child < 0) leave(71, "fork: %s", strerror(errno));
  if (child == 0) {
    if (fork() != 0) _exit(0);
    setsid();
    close(ends[0]);
    for (int standard = 0; standard < 3; standard++) close(standard);
    open("/dev/null", O_RDWR);
    int listener = receive_descriptor(ends[1]);
    if (listener >= 0) supervise(listener, self);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  close(ends[1]);
  int listener = install();
  if (listener < 0) leave(77, "seccomp: %s", strerror(errno));
  send_descriptor(ends[0], listener);
  close(listener);
  close(ends[0]);
  execvp(program[0], program);
  leave(127, "%s: %s", program[0], strerror(errno));
}
