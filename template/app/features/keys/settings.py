"""The settings of keys, and where the master key comes from."""

from __future__ import annotations

import os
import shlex
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Literal, Self
from uuid import uuid4

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.features import read_settings
from app.features.keys.master import BadMasterKey, MasterKeys, new_master_key
from app.features.keys.states import Kind, Policy
from app.settings import ROOT, Environment, Settings, UnusableSettings

NEW = "`python -m app keys master` makes one"
SOURCES = "MASTER_KEY, MASTER_KEY_FILE or MASTER_KEY_COMMAND"


class UnusableMasterKey(UnusableSettings):
    """There is no master key, or none that protects anything; says what to do."""


class KeysSettings(BaseSettings):
    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    # Exactly one of them, in production: 32 random bytes in Base64; several are told apart by
    # spaces, commas or lines, and the first one wraps.
    master_key: SecretStr | None = None
    master_key_file: Path | None = None
    # A secrets manager's client: its output is the master key. It is run without a shell.
    master_key_command: SecretStr | None = None
    master_key_timeout: timedelta = timedelta(seconds=20)
    # Made where there is none, for those who develop; the folder is ignored by git.
    master_key_made: Path = ROOT / "var" / "master.key"

    # The kinds that there are from the beginning; the command adds others.
    keys_kinds: tuple[Kind, ...] = (Kind.DATA, Kind.SIGNING)
    keys_signing: Literal["Ed25519", "ES256", "RS256"] = "Ed25519"
    keys_encryption: Literal["ECDH-ES+A256KW", "RSA-OAEP-256"] = "ECDH-ES+A256KW"
    # How long a key is current, is published before that, and is good after that.
    keys_lifetime: timedelta = Field(default=timedelta(days=90), gt=timedelta(0))
    keys_ahead: timedelta = timedelta(days=1)
    keys_overlap: timedelta = timedelta(days=7)
    # How old what a process knows of the keys may be, and what others have fetched of them.
    keys_refresh: timedelta = Field(default=timedelta(seconds=30), gt=timedelta(0))
    keys_max_age: timedelta = timedelta(hours=1)
    # How often each process looks whether a rotation is due.
    keys_look: timedelta = Field(default=timedelta(hours=1), gt=timedelta(0))

    @model_validator(mode="after")
    def _require_order(self) -> Self:
        if not self.keys_refresh + self.keys_max_age < self.keys_ahead < self.keys_lifetime:
            raise ValueError(
                "KEYS_REFRESH and KEYS_MAX_AGE must together be shorter than KEYS_AHEAD, and that"
                " than KEYS_LIFETIME: or a key would sign before everybody knows it"
            )
        if not self.keys_refresh + self.keys_max_age < self.keys_overlap:
            raise ValueError("KEYS_OVERLAP must be longer than KEYS_REFRESH and KEYS_MAX_AGE")
        return self

    @property
    def policy(self) -> Policy:
        return Policy(self.keys_lifetime, self.keys_ahead, self.keys_overlap)


def read(settings: Settings) -> tuple[KeysSettings, MasterKeys]:
    """Read what belongs to `settings`, and get the master keys; raises UnusableMasterKey."""
    own = read_settings(KeysSettings, settings)
    return own, master_keys(own, settings.environment)


def master_keys(own: KeysSettings, environment: Environment, *, make: bool = False) -> MasterKeys:
    """Get them from where the settings say; raises UnusableMasterKey.

    Those who develop have none until one is to `make`: their database may have keys of another.
    """
    given = (own.master_key, own.master_key_file, own.master_key_command)
    if sum(each is not None for each in given) > 1:
        raise UnusableMasterKey(
            f"Only one of {SOURCES} may be set: they would contradict each other."
        )
    name, text = _found(own, environment, make=make)
    if not text and name == str(own.master_key_made):
        return MasterKeys({})
    try:
        return MasterKeys.read(text)
    except BadMasterKey as error:
        raise UnusableMasterKey(f"{name} holds no master key: {error}. {NEW}.") from None


def _made(path: Path, *, make: bool) -> str:
    try:
        return _made_once(path) if make or path.exists() else ""
    except OSError as error:
        message = f"{path} cannot be made or read: {error.strerror}. Set {SOURCES}; {NEW}."
        raise UnusableMasterKey(message) from None


def _found(own: KeysSettings, environment: Environment, *, make: bool) -> tuple[str, str]:
    if own.master_key is not None:
        return "MASTER_KEY", own.master_key.get_secret_value()
    if own.master_key_file is not None:
        return "MASTER_KEY_FILE", _read_file(own.master_key_file)
    if own.master_key_command is not None:
        seconds = own.master_key_timeout.total_seconds()
        return "MASTER_KEY_COMMAND", _output(own.master_key_command.get_secret_value(), seconds)
    if environment is Environment.PRODUCTION:
        raise UnusableMasterKey(f"There is no master key: set {SOURCES} in production. {NEW}.")
    if environment is Environment.TEST:
        return "The test", _OF_TESTS
    return str(own.master_key_made), _made(own.master_key_made, make=make)


def _read_file(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UnusableMasterKey(f"MASTER_KEY_FILE, {path}, cannot be read: {reason}.") from None


def _output(command: str, seconds: float) -> str:
    """Run the secrets manager's client; what it says may be secret, and is not shown."""
    try:
        done = subprocess.run(
            shlex.split(command), capture_output=True, timeout=seconds, check=True
        )
        return done.stdout.decode("ascii")
    except subprocess.TimeoutExpired:
        reason = f"it has not ended within {seconds:g} s (MASTER_KEY_TIMEOUT)"
    except subprocess.CalledProcessError as error:
        reason = f"it has ended with code {error.returncode}; run it by hand to see why"
    except OSError as error:
        reason = f"it cannot be run: {error.strerror}"
    except (ValueError, IndexError):
        reason = "it is no command, or its output is not text"
    raise UnusableMasterKey(f"MASTER_KEY_COMMAND has given no master key: {reason}.")


# One for as long as the process lives: tests leave nothing behind that is worth opening.
_OF_TESTS = new_master_key()


def _made_once(path: Path) -> str:
    """Return what is in the file; it is made, whole or not at all, where there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{uuid4().hex}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(new_master_key() + "\n")
        try:
            # Of several processes that start at once, one makes it: a link replaces nothing.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text("ascii")
