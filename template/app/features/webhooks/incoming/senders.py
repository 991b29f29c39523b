"""Those who send webhooks: by which keys what they send is opened and verified."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, NamedTuple, Protocol

from joserfc import jwe, jws
from joserfc.errors import JoseError
from joserfc.jwk import GuestProtocol, Key, KeySet
from joserfc.registry import HeaderParameter
from pydantic import BaseModel, ConfigDict, Field

from app.core.jwks import Jwks, Patience, PublicKey, UnknownKey
from app.features.webhooks import signatures
from app.features.webhooks.incoming.actions import module_of
from app.features.webhooks.incoming.settings import (
    IncomingSettings,
    JwsSource,
    Source,
    StandardSource,
)
from app.features.webhooks.signatures import BadSignature, Secret
from app.settings import UnusableSettings

# How a message may be encrypted: its key to ours, and itself by that key. Neither passwords nor
# keys that both know, and nothing that unpacks to more than was sent.
ENCRYPTION = ("RSA-OAEP-256", "ECDH-ES+A256KW", "A256GCM")
NOT_PACKED = {"zip": HeaderParameter("Compression Algorithm", "none")}
# Clocks differ a little.
LEEWAY_SECONDS = 10
# No key is believed for ten minutes without the source being asked for it again.
REFRESH = timedelta(minutes=5)


class Verified(NamedTuple):
    """A message whose sender is certain: what its sender calls it, and its JSON."""

    id: str
    payload: bytes


class Verifier(Protocol):
    """What a signature is verified by."""

    def verified(self, body: bytes) -> Verified:
        """Return what was signed; raises BadSignature, JoseError or ValueError."""


class Sender(ABC):
    """A source, as the api knows it."""

    def __init__(self, name: str, module: str, window: timedelta) -> None:
        self.name = name
        self.module = module
        self.window = window

    def opened(self, body: bytes) -> bytes:
        """Return what was signed; a source that encrypts decrypts it here."""
        return body

    @abstractmethod
    async def key_of(self, body: bytes, headers: Mapping[str, str]) -> Verifier:
        """Return the key that must have signed it; raises KeysUnavailable too."""

    async def close(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of what it holds."""


@dataclass(frozen=True)
class SharedSecrets:
    """The secrets of a Standard Webhooks source, and what this message says of its signature."""

    secrets: tuple[Secret, ...] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    window: timedelta

    def verified(self, body: bytes) -> Verified:
        now = datetime.now(UTC)
        message_id = signatures.verify(
            self.secrets, self.headers, body, now=now, window=self.window
        )
        return Verified(message_id, body)


class StandardSender(Sender):
    """One that shares secrets with us."""

    def __init__(self, name: str, own: StandardSource, window: timedelta) -> None:
        super().__init__(name, module_of(own.module), window)
        self._secrets = tuple(Secret.read(each.get_secret_value()) for each in own.secrets)

    async def key_of(self, body: bytes, headers: Mapping[str, str]) -> Verifier:  # noqa: ARG002
        return SharedSecrets(self._secrets, headers, self.window)


Time = Annotated[float, Field(ge=0, le=2**40, allow_inf_nan=False)]


class Claims(BaseModel):
    """What a signed message says of itself (RFC 7519), beside what it asks for."""

    model_config = ConfigDict(hide_input_in_errors=True)

    jti: str = Field(pattern=r"^[\x21-\x7e]{1,200}$")
    iat: Time
    nbf: Time | None = None
    exp: Time | None = None
    aud: str | list[str]
    iss: str | None = None

    def hold(self, now: float) -> bool:
        """Whether it is meant for now."""
        begun = self.nbf is None or self.nbf <= now + LEEWAY_SECONDS
        return begun and (self.exp is None or now < self.exp + LEEWAY_SECONDS)


@dataclass(frozen=True)
class SignatureKey:
    """A public key of a source, and for whom and when it must have signed."""

    key: PublicKey = field(repr=False)
    registry: jws.JWSRegistry
    own: JwsSource
    window: timedelta

    def verified(self, body: bytes) -> Verified:
        payload = jws.deserialize_compact(body, self.key, registry=self.registry).payload
        claims = Claims.model_validate_json(payload)
        if self.own.audience not in ([claims.aud] if isinstance(claims.aud, str) else claims.aud):
            raise BadSignature("it is for somebody else")
        if self.own.issuer is not None and claims.iss != self.own.issuer:
            raise BadSignature("it is by somebody else")
        now = datetime.now(UTC).timestamp()
        if abs(now - claims.iat) > self.window.total_seconds() or not claims.hold(now):
            raise BadSignature("it is of another time")
        return Verified(claims.jti, payload)


class JwsSender(Sender):
    """One that signs with a key of its own, and may encrypt for ours."""

    def __init__(self, name: str, own: JwsSource, every: IncomingSettings) -> None:
        super().__init__(name, module_of(own.module), every.webhooks_window)
        self._own = own
        patience = Patience(REFRESH, every.webhooks_keys_keep, every.webhooks_keys_pause)
        self._jwks = Jwks(own.jwks, patience)
        self._signatures = jws.JWSRegistry(algorithms=own.algorithms, strict_check_header=False)
        self._encryption = jwe.JWERegistry(NOT_PACKED, ENCRYPTION, strict_check_header=False)
        # Their own limits are the library's; ours has been kept by now.
        self._signatures.max_payload_length = every.webhooks_max_bytes
        self._encryption.max_ciphertext_length = every.webhooks_max_bytes
        self._ours = read_private_keys(own.decryption_keys) if own.decryption_keys else None

    def opened(self, body: bytes) -> bytes:
        if self._ours is None:
            return body
        found = jwe.decrypt_compact(body, self._key_of_ours, registry=self._encryption)
        return found.plaintext or b""

    async def key_of(self, body: bytes, headers: Mapping[str, str]) -> Verifier:  # noqa: ARG002
        header = jws.extract_compact(body, registry=self._signatures).headers()
        # Before any look-up: neither `none` nor a MAC ever gets to see a public key.
        self._signatures.check_header(header)
        self._signatures.get_alg(header["alg"])
        key_id = header.get("kid")
        if not isinstance(key_id, str):
            raise UnknownKey(key_id)
        key = await self._jwks.key(key_id)
        return SignatureKey(key, self._signatures, self._own, self.window)

    def _key_of_ours(self, recipient: GuestProtocol) -> Key:
        assert self._ours is not None  # noqa: S101 - only then something is decrypted
        # Given a set, the library would take any key where none is named.
        return self._ours.get_by_kid(recipient.headers().get("kid"))

    async def close(self) -> None:
        await self._jwks.close()


class NoPrivateKeys(UnusableSettings):
    """The file of keys that a source encrypts for cannot be used."""


def read_private_keys(path: Path) -> KeySet:
    """Read a JWK set; raises NoPrivateKeys, which does not show it."""
    try:
        keys = KeySet.import_key_set(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError, JoseError):
        keys = None
    if keys is None or not keys.keys or not all(each.is_private for each in keys.keys):
        raise NoPrivateKeys(f"{path} is no JWK set of private keys") from None
    return keys


def senders(own: IncomingSettings) -> Mapping[str, Sender]:
    """Return who verifies the messages of each source."""
    return {name: _sender(name, source, own) for name, source in own.webhooks_sources.items()}


def _sender(name: str, source: Source, own: IncomingSettings) -> Sender:
    if isinstance(source, StandardSource):
        return StandardSender(name, source, own.webhooks_window)
    return JwsSender(name, source, own)
