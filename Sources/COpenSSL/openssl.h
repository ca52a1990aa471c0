#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

// The names of a key's numbers; OSSL_PARAM_BLD keeps the pointers, so that a string of Swift's would be gone.
static const char *const RSA_MODULUS = "n";
static const char *const RSA_EXPONENT = "e";
static const char *const EC_GROUP_NAME = "group";
static const char *const EC_P256 = "prime256v1";
static const char *const EC_POINT_BYTES = "pub";
// A macro that Swift does not import: the public half of a key, for EVP_PKEY_fromdata.
static const int PKEY_PUBLIC_HALF = EVP_PKEY_PUBLIC_KEY;
