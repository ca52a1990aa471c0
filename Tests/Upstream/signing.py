"""RSA-PSS signatures (SHA-256, MGF1-SHA256, salt of 32 bytes; RFC 8017 section 8.1.1) with the standard library alone.

Fast enough for a few deliveries a second, which a process of `openssl` for each of them would not be.
"""

import base64
import hashlib
import math
import time

SALT = 32


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _is_prime(number, rng):
    """Miller-Rabin, after trial division by small primes."""
    if any(number % small == 0 for small in range(3, 2000, 2)):
        return False
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(12):
        power = pow(rng.randrange(2, number - 1), odd, number)
        if power in (1, number - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True


class SigningKey:
    """An RSA key of 2048 bits, made for one run."""

    def __init__(self, rng, key_id):
        self.key_id = key_id
        self._rng = rng
        self._p, self._q = self._prime(), self._prime()
        self.modulus, self.exponent = self._p * self._q, 65537
        private = pow(self.exponent, -1, math.lcm(self._p - 1, self._q - 1))
        self._d_p, self._d_q = private % (self._p - 1), private % (self._q - 1)
        self._q_inverse = pow(self._q, -1, self._p)

    def _prime(self):
        while True:
            number = self._rng.getrandbits(1024) | 3 << 1022 | 1
            if number % 65537 != 1 and _is_prime(number, self._rng):
                return number

    @property
    def jwk(self):
        return {
            "kty": "RSA", "kid": self.key_id, "alg": "PS256", "use": "sig",
            "n": base64url(self.modulus.to_bytes(256, "big")), "e": "AQAB"}

    def _sign(self, message):
        salt = self._rng.randbytes(SALT)
        digest = hashlib.sha256(bytes(8) + hashlib.sha256(message).digest() + salt).digest()
        block = bytes(256 - SALT - 32 - 2) + b"\1" + salt
        mask = b"".join(
            hashlib.sha256(digest + counter.to_bytes(4, "big")).digest() for counter in range(len(block) // 32 + 1))
        masked = bytearray(one ^ other for one, other in zip(block, mask))
        masked[0] &= 0x7F
        number = int.from_bytes(bytes(masked) + digest + b"\xbc", "big")
        # The Chinese remainder theorem: two powers of half the length.
        m_p, m_q = pow(number, self._d_p, self._p), pow(number, self._d_q, self._q)
        signature = m_q + self._q * ((m_p - m_q) * self._q_inverse % self._p)
        return signature.to_bytes(256, "big")

    def headers(self, body, age=0, key_id=None):
        """The headers of a delivery that was signed `age` seconds ago."""
        timestamp = str(int(time.time()) - age)
        return {
            "flatpeak-signature": "v1=" + base64url(self._sign(timestamp.encode() + b"." + body)),
            "flatpeak-signature-scheme": "v1", "flatpeak-timestamp": timestamp,
            "flatpeak-key-id": key_id or self.key_id, "flatpeak-version": "2025-09-14.anode"}
