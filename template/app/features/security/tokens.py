"""Access tokens: signed JWTs of one issuer, for one audience (RFC 7519, RFC 9068).

joserfc verifies them: maintained, typed, and the one library here for JWS, JWE and JWK alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import structlog
from joserfc import jws, jwt
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError

from app.core.jwks import Jwks, KeysUnavailable, PublicKey, UnknownKey, UnknownYet
from app.features.security.callers import Authenticated, Unavailable, Untrusted

logger = structlog.get_logger(__name__)

# Clocks differ a little; a token lives minutes, so this much does no harm.
LEEWAY_SECONDS = 30
LONGEST_SUBJECT = 255
# What issuers call them: RFC 8693's own, Azure's for people, Azure's for applications.
SCOPE_CLAIMS = ("scope", "scp", "roles")


class Tokens:
    """Tells from an access token who sends it."""

    def __init__(
        self, jwks: Jwks, *, issuer: str, audience: str, algorithms: Sequence[str]
    ) -> None:
        """Believe `issuer`, for `audience`, in signatures by `algorithms` alone."""
        self._jwks = jwks
        self._signatures = jws.JWSRegistry(algorithms=algorithms, strict_check_header=False)
        self._claims = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
        )

    async def caller_of(self, token: str) -> Authenticated:
        """Return whom `token` stands for; raises Untrusted or Unavailable."""
        try:
            key = await self._key_of(token)
            claims = jwt.decode(token, key, registry=self._signatures).claims
            self._claims.validate(claims)
        except KeysUnavailable as error:
            message = "access tokens cannot be verified now: their issuer is away"
            raise Unavailable(message, retry_after=error.retry_after) from error
        except UnknownYet as error:
            # A key that the issuer may have begun to use a moment ago: no reason to log in again.
            message = "the key of the access token is not known yet: its issuer is asked again soon"
            raise Unavailable(message, retry_after=error.retry_after) from error
        except (JoseError, UnknownKey, ValueError, TypeError) as error:
            logger.info("token.refused", reason=repr(error))
            raise Untrusted(_told(error)) from error
        return _caller(claims)

    async def close(self) -> None:
        await self._jwks.close()

    async def _key_of(self, token: str) -> PublicKey:
        header = jws.extract_compact(token.encode(), registry=self._signatures).headers()
        # Before any look-up: neither `none` nor a MAC ever gets to see a public key.
        self._signatures.check_header(header)
        self._signatures.get_alg(header["alg"])
        key_id = header.get("kid")
        if not isinstance(key_id, str):
            raise UnknownKey(key_id)
        return await self._jwks.key(key_id)


def _caller(claims: Mapping[str, object]) -> Authenticated:
    subject = str(claims["sub"])
    if len(subject) > LONGEST_SUBJECT:
        raise Untrusted("the access token names too long a subject")
    return Authenticated(f"token:{subject}", frozenset(_scopes(claims)))


def _scopes(claims: Mapping[str, object]) -> Iterator[str]:
    for name in SCOPE_CLAIMS:
        value = claims.get(name)
        if isinstance(value, str):
            yield from value.split()
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, str))


def _told(error: Exception) -> str:
    """Return what the caller is told: enough to mend a token, nothing to forge one."""
    if isinstance(error, ExpiredTokenError):
        return "the access token has expired"
    if isinstance(error, ClaimError):
        return f"the access token is not for here and now: look at its {error.claim}"
    return "the access token cannot be verified"
