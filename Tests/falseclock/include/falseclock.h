// Nothing is called by name: falseclock takes the place of calls of the C library.
