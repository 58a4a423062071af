"""Signatures and encryption: the only file that imports cryptography, so that its calls can be reviewed on one page."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from strokemap.errors import ProofMismatch, VaultDamaged

KEY_SIZE = 32
WRAPPED_SIZE = 40
# Each AES-GCM key encrypts one payload and nothing else, so that a fixed nonce can never meet the same key twice.
_NONCE = bytes(12)


def public_key(secret: bytes) -> bytes:
    """Give the 32 bytes of the Ed25519 public key that belongs to a 32-byte secret."""
    return Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def sign(message: bytes, *, secret: bytes) -> bytes:
    """Give the 64-byte Ed25519 signature; the same message and secret give the same one."""
    return Ed25519PrivateKey.from_private_bytes(secret).sign(message)


def check_signature(signature: bytes, *, message: bytes, public: bytes, name: str, where: str) -> None:
    """Return when ``name``'s Ed25519 signature fits the message. Errors: ProofMismatch."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise ProofMismatch(
            f"The signature of {name} does not fit the text that it stands under.",
            hint="The text, the signature or the key was changed. Compare with another copy; trust none until then.",
            where=where,
        ) from None


def encrypt(data: bytes, *, key: bytes, bound: bytes) -> bytes:
    """Give AES-256-GCM ciphertext with its tag. The key must never encrypt anything else; ``bound`` must fit again."""
    return AESGCM(key).encrypt(_NONCE, data, bound)


def decrypt(data: bytes, *, key: bytes, bound: bytes, where: str) -> bytes:
    """Give back what ``encrypt`` was given. Errors: VaultDamaged."""
    try:
        return AESGCM(key).decrypt(_NONCE, data, bound)
    except InvalidTag:
        raise vault_damaged("A payload of the vault is not what was stored.", where=where) from None


def wrap(key: bytes, *, master: bytes) -> bytes:
    """Give a 32-byte key as 40 bytes that only ``master`` opens (AES key wrap, RFC 3394: no nonce to repeat)."""
    return aes_key_wrap(master, key)


def unwrap(wrapped: bytes, *, master: bytes, where: str) -> bytes:
    """Give back the wrapped key. Errors: VaultDamaged."""
    try:
        return aes_key_unwrap(master, wrapped)
    except (InvalidUnwrap, ValueError):
        raise vault_damaged("A record key of the vault is not what was stored.", where=where) from None


def vault_damaged(message: str, *, where: str) -> VaultDamaged:
    """Give the error for a vault that does not fit the log."""
    return VaultDamaged(message, hint="Restore the vault that belongs to this log from a backup.", where=where)
