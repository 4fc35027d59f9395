"""
The keyed digest of a secret, which is stored beside its argon2 hash and compared instead of running argon2.

It is BLAKE2b (RFC 7693), keyed with a key that is derived from a server key, over the argon2 hash and the secret. As
text it names what it was made with, so that a reader can see whether it still applies:

    <id of the server key: 16>:<end of the argon2 hash: 12>:<digest: 64 hexadecimal digits>

A digest does not apply if its server key is gone, or if the stored hash is another one: a server of an older version,
which does not know of digests, leaves the old digest in place when it rotates a key.
"""

import hmac
from hashlib import blake2b

from keys.token import ServerKeys

_KEY_ID_LENGTH = 16
_HASH_END_LENGTH = 12
"""Characters of the hash in base64: 72 bits of it, which the column beside the digest has too."""
_DIGEST_BYTES = 32
_PERSON = b"keydesk secret"
_HASH_END = slice(_KEY_ID_LENGTH + 1, _KEY_ID_LENGTH + 1 + _HASH_END_LENGTH)
_DIGEST = slice(_HASH_END.stop + 1, None)
_LENGTH = _HASH_END.stop + 1 + 2 * _DIGEST_BYTES


class SecretDigests:
    """Makes and compares digests with the keys that are derived from these server keys."""

    __slots__ = ("_bases",)

    def __init__(self, server_keys: ServerKeys) -> None:
        keys = server_keys.derive("api key secret digest")
        # Ready to be copied, which takes less time than starting from the key.
        self._bases = {
            key_id: blake2b(key=key, digest_size=_DIGEST_BYTES, person=_PERSON)
            for key_id, key in zip(server_keys.ids, keys, strict=True)
        }

    def make(self, server_key_id: str, secret_hash: str, secret: str) -> str:
        """The digest of the secret with the argon2 hash. Raises KeyError if there is no server key with this id."""
        digest = self._digest(server_key_id, secret_hash, secret)
        return f"{server_key_id}:{secret_hash[-_HASH_END_LENGTH:]}:{digest}"

    def matches(self, stored: str | None, secret_hash: str | None, secret: str) -> bool | None:
        """
        Whether the secret is the one that the stored digest was made of.

        None if that can't be told, because there is no digest, or it was made with another hash, or with a server key
        that is gone. The caller then has to compare the secret with the hash itself.
        """
        if (
            stored is None
            or secret_hash is None
            or len(stored) != _LENGTH
            or stored[:_KEY_ID_LENGTH] not in self._bases
            or not secret_hash.endswith(stored[_HASH_END])
        ):
            return None
        digest = self._digest(stored[:_KEY_ID_LENGTH], secret_hash, secret)
        return hmac.compare_digest(stored[_DIGEST].encode(), digest.encode())

    def _digest(self, server_key_id: str, secret_hash: str, secret: str) -> str:
        digest = self._bases[server_key_id].copy()
        digest.update(f"{secret_hash}:{secret}".encode())
        return digest.hexdigest()
