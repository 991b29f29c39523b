"""What keys are made of: random bytes, or the key pair of an algorithm as a JWK (RFC 7517)."""

from __future__ import annotations

import json
import secrets

from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from app.features.keys.ciphertexts import DATA_BYTES
from app.features.keys.settings import KeysSettings
from app.features.keys.states import Kind

DATA_ALGORITHM = "A256GCM"
WEBHOOK_ALGORITHM = "HS256"
# Standard Webhooks takes 24 to 64.
WEBHOOK_BYTES = 32
RSA_BITS = 3072
KID_BYTES = 8

KeyPair = RSAKey | ECKey | OKPKey


def algorithm_of(kind: Kind, own: KeysSettings) -> str:
    """Return what a new key of that kind is for."""
    return {
        Kind.DATA: DATA_ALGORITHM,
        Kind.SIGNING: own.keys_signing,
        Kind.ENCRYPTION: own.keys_encryption,
        Kind.WEBHOOK: WEBHOOK_ALGORITHM,
    }[kind]


def new_kid() -> str:
    return secrets.token_hex(KID_BYTES)


def new_material(algorithm: str) -> bytes:
    """Return a new key as it is wrapped and stored."""
    if algorithm == DATA_ALGORITHM:
        return secrets.token_bytes(DATA_BYTES)
    if algorithm == WEBHOOK_ALGORITHM:
        return secrets.token_bytes(WEBHOOK_BYTES)
    return json.dumps(_pair(algorithm).as_dict(private=True)).encode()


def _pair(algorithm: str) -> KeyPair:
    if algorithm == "Ed25519":
        return OKPKey.generate_key("Ed25519")
    if algorithm == "ECDH-ES+A256KW":
        return ECKey.generate_key("P-256")
    return ECKey.generate_key("P-256") if algorithm == "ES256" else RSAKey.generate_key(RSA_BITS)


def read_pair(material: bytes) -> KeyPair:
    """Read a key pair that was stored."""
    pair = JWKRegistry.import_key(json.loads(material))
    if not isinstance(pair, KeyPair):
        raise TypeError("it is no key pair")
    return pair


def bound_to(kid: str, kind: str, algorithm: str) -> str:
    """Return what the wrapped key is bound to: it is of no use as any other."""
    return f"{kind} {algorithm} {kid}"
