"""Manifests that are signed by the project's keys, as tokens whose time limit nobody asks for."""

from __future__ import annotations

from datetime import timedelta

from joserfc import jws, jwt
from joserfc.errors import JoseError

from app.core.database import Database
from app.features.keys import NoKey, keyset, process
from app.features.keys import sign as signed
from app.features.keys.states import Kind, State
from app.features.periods.closing import PeriodsError
from app.settings import Settings

CLAIM, TYPE = "manifest_sha256", "period-manifest+jwt"
# It is no token to come in with: whoever took it for one would find it expired.
LIFETIME = timedelta(minutes=1)


def configure(settings: Settings) -> None:
    process.configure(settings)


async def sign(database: Database, digest: str) -> str:
    try:
        async with database.writes() as session:
            return signed(await keyset(session), {CLAIM: digest}, LIFETIME, type_=TYPE)
    except NoKey as error:
        raise PeriodsError(f"the manifest cannot be signed: {error}") from error


async def judge(database: Database, token: str, digest: str) -> str:
    keys = await keyset(database.reads)
    kid = _kid_of(token)
    good = [state for state in State if state is not State.REVOKED]
    key = next((each for each in keys.of(Kind.SIGNING, *good) if each.kid == kid), None)
    if key is None:
        return f"its key {kid} is good for nothing any more: only the manifest's digest was held"
    try:
        claims = jwt.decode(token, keys.pair(key), algorithms=[key.algorithm]).claims
    except (JoseError, ValueError) as error:
        raise PeriodsError(f"{kid} has not signed the manifest: its token was changed") from error
    if claims.get(CLAIM) != digest:
        raise PeriodsError("the manifest was changed since it was signed")
    return f"signed by {kid}"


def _kid_of(token: str) -> str:
    try:
        return str(jws.extract_compact(token.encode()).headers()["kid"])
    except (JoseError, ValueError, KeyError) as error:
        raise PeriodsError("the manifest's token was changed: it names no key") from error
