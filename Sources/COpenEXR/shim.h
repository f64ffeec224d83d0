// The C library alone: its headers lie beside those of the C++ one.
#include <OpenEXR/openexr.h>
