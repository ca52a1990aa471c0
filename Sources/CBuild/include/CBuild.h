// What the programs know of their build.

/// The release; `info.version` of openapi.yaml is the same.
#define CONNECT_BFF_VERSION "0.1.0"

/// The commit that was built, or "unknown".
const char *connect_bff_commit(void);
