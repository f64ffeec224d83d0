#ifndef HOTPLATE_PAGE_H
#define HOTPLATE_PAGE_H

#include <stddef.h>

/// A file of the program, not terminated.
struct hp_file {
  const unsigned char *bytes;
  size_t size;
};

/// The page.
extern const struct hp_file hp_page;

/// The description of the API.
extern const struct hp_file hp_openapi;

#endif
