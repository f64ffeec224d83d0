// The library's header needs the kernel's to be included first.
#include <sys/inotify.h>
#include <inotifytools/inotify.h>
#include <inotifytools/inotifytools.h>
