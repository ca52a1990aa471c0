#include "CBuild.h"

// Package.swift says which. It is compiled into this file alone, so that a commit builds nothing else anew.
const char *connect_bff_commit(void) { return CONNECT_BFF_COMMIT; }
