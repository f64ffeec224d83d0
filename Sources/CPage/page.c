#include "page.h"

// The files as they lie there, without a build step of our own; an array literal of Swift takes half a minute to compile.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char page[] = {
#embed "../Dashboard/Page/page.html"
};
const struct hp_file hp_page = {page, sizeof page};

static const unsigned char openapi[] = {
#embed "../Dashboard/Page/openapi.yaml"
};
const struct hp_file hp_openapi = {openapi, sizeof openapi};
