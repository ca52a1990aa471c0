#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

// A macro that Swift does not import: the public half of a key, for EVP_PKEY_fromdata.
static const int PKEY_PUBLIC_HALF = EVP_PKEY_PUBLIC_KEY;
