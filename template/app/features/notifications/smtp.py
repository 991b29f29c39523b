"""Mail to a server: one connection for many, and an exact answer to what became of each."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol

import aiosmtplib
from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)

from app.features.notifications.outcomes import (
    Accepted,
    Outcome,
    Postponed,
    Refused,
    Uncertain,
    Unreachable,
)
from app.features.notifications.settings import Encryption, NotificationSettings

PERMANENT = 500  # from here on, a reply says that it will be the same again (RFC 5321, 4.2.1)


class Mailer(Protocol):
    """Where mail goes."""

    async def send(self, message: EmailMessage, sender: str, recipient: str, /) -> Outcome:
        """Hand one over; raises Unreachable."""

    async def close(self) -> None:
        """Say good-bye."""


class Folder:
    """Mail as files, for those who develop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: EmailMessage, _sender: str, _recipient: str) -> Outcome:
        name = f"{message['Message-ID'].partition('@')[0].strip('<')}.eml"
        await asyncio.to_thread(self._write, name, bytes(message))
        return Accepted(detail=f"written to {self._folder / name}")

    def _write(self, name: str, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / name).write_bytes(data)

    async def close(self) -> None:
        """There is nothing to close."""


class Server:
    """A mail server, connected to when the first mail comes and again when it hung up."""

    def __init__(self, settings: NotificationSettings) -> None:
        self._settings = settings
        self._connection: aiosmtplib.SMTP | None = None

    async def send(self, message: EmailMessage, sender: str, recipient: str) -> Outcome:
        """Hand one over. Until its content is on the way, nothing can have been taken."""
        try:
            connection = await self._begun(sender)
            await connection.rcpt(recipient)
        except SMTPSenderRefused as error:
            raise Unreachable(f"the mail server refuses MAIL_FROM: {error.code}") from error
        except SMTPResponseException as error:
            return await self._refused(error)
        except SMTPException as error:
            await self.close()
            return Postponed(_told(error))
        return await self._content(connection, message)

    async def _begun(self, sender: str) -> aiosmtplib.SMTP:
        """The connection, in which a mail of `sender` has begun; one that hung up is made again."""
        if self._connection is not None:
            with suppress(SMTPServerDisconnected):
                await self._connection.mail(sender)
                return self._connection
        connection = await self._connected()
        await connection.mail(sender)
        return connection

    async def _connected(self) -> aiosmtplib.SMTP:
        own = self._settings
        connection = aiosmtplib.SMTP(
            hostname=own.smtp_host,
            port=own.smtp_port,
            timeout=own.smtp_timeout.total_seconds(),
            use_tls=own.smtp_encryption is Encryption.TLS,
            start_tls=own.smtp_encryption is Encryption.STARTTLS,
            username=own.smtp_username,
            password=own.smtp_password.get_secret_value() or None,
        )
        try:
            await connection.connect()
        except SMTPAuthenticationError as error:
            raise Unreachable(f"the mail server refuses SMTP_USERNAME: {error.code}") from error
        except (SMTPException, OSError, ValueError) as error:
            where = f"{own.smtp_host}:{own.smtp_port}"
            raise Unreachable(f"the mail server {where} cannot be used: {_told(error)}") from error
        self._connection = connection
        return connection

    async def _content(self, connection: aiosmtplib.SMTP, message: EmailMessage) -> Outcome:
        # Nobody says good-bye on a connection that is in the middle of a mail.
        self._connection = None
        try:
            answer = await connection.data(bytes(message))
        except SMTPResponseException as error:
            self._connection = connection
            return await self._refused(error)
        except (SMTPException, OSError) as error:
            connection.close()
            return Uncertain(_told(error))
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return Accepted(detail=f"{answer.code} {answer.message}")

    async def _refused(self, error: SMTPResponseException) -> Outcome:
        """Tell a refusal from a postponement, and let the connection forget this mail."""
        with suppress(SMTPException):
            await self._reset()
        told = f"{error.code} {error.message}"
        return Refused(told) if error.code >= PERMANENT else Postponed(told)

    async def _reset(self) -> None:
        if self._connection is not None:
            await self._connection.rset()

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SMTPException, OSError):
                await connection.quit()
            connection.close()


def mailer(settings: NotificationSettings) -> Mailer:
    if settings.smtp_host is None:
        return Folder(Path(settings.mail_folder))
    return Server(settings)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(".: ")
