// What the programs know of their build.

/// The commit that was built, or "unknown".
const char *connect_bff_commit(void);
