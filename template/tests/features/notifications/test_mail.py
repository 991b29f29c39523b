"""Mail: written with the transaction, sent once over one connection, and its fate is known."""

from __future__ import annotations

from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update

from app.core.database import Database
from app.core.outbox import OutboxRow
from app.features.notifications import Attachment, Mail, desk, send_mail
from app.features.notifications.desk import Record
from app.features.notifications.jobs import configure
from app.features.notifications.mail import environment
from app.features.notifications.messages import NoMessage
from app.features.notifications.models import Channel, Notification, State
from app.settings import Settings
from tests.features.notifications.conftest import MailServer, Work

pytestmark = pytest.mark.anyio

ADA = Mail("ada@example.com", "Welcome", "Hello Ada\n", name="Ada")


async def sent(database: Database, *mail: Mail, key: str | None = None) -> list[UUID]:
    async with database.writes() as session:
        return [await send_mail(session, each, key=key) for each in mail]


async def record(database: Database, message: UUID) -> Record:
    found = await desk.get(database.reads, message)
    assert found is not None
    return found


async def number_of_jobs(database: Database) -> int:
    found = await database.reads.execute(select(func.count()).select_from(OutboxRow))
    return int(found.scalar_one())


async def test_a_mail_exists_with_its_transaction_only(
    database: Database, mail_server: MailServer, work: Work
) -> None:
    with pytest.raises(NoMessage):
        await sent(database, ADA, Mail("nobody", "Hello", "text"))
    assert (await work(), mail_server.received) == (0, [])
    (message,) = await sent(database, ADA)
    assert (await record(database, message)).state == State.QUEUED
    assert await work() == 1
    assert (await record(database, message)).state == State.SENT
    assert [each["To"] for each in mail_server.received] == ["Ada <ada@example.com>"]


async def test_everything_in_a_mail_arrives_whatever_its_script(
    database: Database, mail_server: MailServer, work: Work
) -> None:
    mail = Mail(
        "ada@example.com",
        "歡迎, Ada — café",
        "Zeile eins\n.\nÄ\n",
        "<p>歡迎</p>",
        "愛達 Lovelace",
        "Büro <office@example.com>",
        (Attachment("報表.csv", "text/csv", "a;ü\n".encode()),),
    )
    (message,) = await sent(database, mail)
    await work()
    (received,) = mail_server.received
    assert (received["Subject"], received["Reply-To"]) == (mail.subject, mail.reply_to)
    assert received["To"].addresses[0].display_name == "愛達 Lovelace"
    assert received["Message-ID"] == f"<{message}@example.com>"
    assert received["Auto-Submitted"] == "auto-generated"
    text, html = received.get_body(("plain",)), received.get_body(("html",))
    assert isinstance(text, EmailMessage)
    assert isinstance(html, EmailMessage)
    assert text.get_content().replace("\r\n", "\n") == mail.text
    assert html.get_content().strip() == mail.html
    (file,) = received.iter_attachments()
    assert (file.get_filename(), file.get_payload(decode=True)) == ("報表.csv", "a;ü\n".encode())


async def test_many_go_by_one_job_and_one_connection(
    database: Database, mail_server: MailServer, work: Work
) -> None:
    await sent(database, *(Mail(f"u{n}@example.com", "News", "text") for n in range(30)))
    assert await work() == 1
    assert (len(mail_server.received), mail_server.connections) == (30, 1)
    assert await number_of_jobs(database) == 0


async def test_what_a_savepoint_takes_back_has_asked_for_nothing(
    database: Database, mail_server: MailServer, work: Work
) -> None:
    async with database.writes() as session:
        with suppress(ZeroDivisionError):
            async with session.begin_nested():
                await send_mail(session, ADA)
                raise ZeroDivisionError
        await send_mail(session, ADA)
    assert await work() == 1
    assert len(mail_server.received) == 1


async def test_a_key_is_one_mail_to_each_recipient(
    database: Database, mail_server: MailServer, work: Work
) -> None:
    first = await sent(database, ADA, key="welcome:1")
    again = Mail("ADA@example.com", "Welcome again", "text")
    assert await sent(database, again, key="welcome:1") == first
    await work()
    assert await sent(database, ADA, key="welcome:1") == first
    assert await sent(database, ADA, key="welcome:2") != first
    assert len(mail_server.received) == 1


@pytest.mark.parametrize(
    ("recipient", "becomes"),
    [
        ("gone@example.com", (State.FAILED, "550 5.1.1")),
        ("busy@example.com", (State.QUEUED, "451 4.3.0")),
        ("hangs-up@example.com", (State.QUEUED, "SMTPServerDisconnected")),
        ("silent@example.com", (State.UNKNOWN, "SMTPServerDisconnected")),
    ],
)
@pytest.mark.usefixtures("mail_server")
async def test_what_a_server_says_decides_and_the_others_go_on(
    recipient: str, becomes: tuple[State, str], database: Database, work: Work
) -> None:
    message, other = await sent(database, Mail(recipient, "Hello", "text"), ADA)
    await work()
    found = await record(database, message)
    assert (found.state, str(found.detail)[: len(becomes[1])]) == becomes
    assert (await record(database, other)).state == State.SENT


@pytest.mark.usefixtures("mail_server")
async def test_what_is_postponed_is_sent_by_one_later_job_until_it_is_given_up(
    database: Database, work: Work
) -> None:
    (message,) = await sent(database, Mail("busy@example.com", "Hello", "text"))
    for failures in range(1, 11):
        await work()
        found = await record(database, message)
        assert found.failures == failures
        assert await number_of_jobs(database) == (1 if failures < 10 else 0)
        async with database.writes() as session:
            past = found.created_at
            await session.execute(update(Notification).values(due_at=past))
            await session.execute(update(OutboxRow).values(due_at=past))
    assert found.state == State.FAILED


async def test_what_may_have_been_taken_is_repeated_only_by_decision(
    database: Database, mail_server: MailServer, work: Work
) -> None:
    (message,) = await sent(database, Mail("silent@example.com", "Hello", "text"))
    await work()
    assert await work() == 0
    async with database.writes() as session:
        await desk.decide(session, message, was_sent=False)
    await work()
    ids = {each["Message-ID"] for each in mail_server.received}
    assert (len(mail_server.received), len(ids)) == (2, 1)
    async with database.writes() as session:
        await desk.decide(session, message, was_sent=True)
    assert (await record(database, message)).state == State.SENT
    with pytest.raises(desk.NotDecidable):
        async with database.writes() as session:
            await desk.decide(session, message, was_sent=False)


@pytest.mark.usefixtures("mail_server")
async def test_a_setting_repeats_what_may_have_been_taken(
    database: Database,
    work: Work,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NOTIFICATIONS_IF_UNKNOWN", "repeat")
    configure(settings)
    (message,) = await sent(database, Mail("silent@example.com", "Hello", "text"))
    await work()
    assert (await record(database, message)).state == State.QUEUED


@pytest.mark.usefixtures("mail_server")
async def test_without_a_server_nothing_is_lost(
    database: Database,
    work: Work,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SMTP_PORT", "1")
    configure(settings)
    (message,) = await sent(database, ADA)
    await work()
    found = await record(database, message)
    assert (found.state, found.failures) == (State.QUEUED, 0)
    error = (await database.reads.execute(select(OutboxRow.error))).scalar_one()
    assert "the mail server 127.0.0.1:1 cannot be used" in str(error)


async def test_a_server_that_cannot_encrypt_gets_nothing_by_default(
    database: Database,
    mail_server: MailServer,
    work: Work,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SMTP_ENCRYPTION")
    configure(settings)
    (message,) = await sent(database, ADA)
    await work()
    assert (await record(database, message)).state == State.QUEUED
    assert mail_server.received == []


@pytest.mark.usefixtures("mail_server")
async def test_a_suppressed_recipient_gets_nothing(database: Database, work: Work) -> None:
    async with database.writes() as session:
        assert await desk.suppress(session, Channel.MAIL, "ada@example.com", "by wish")
        assert not await desk.suppress(session, Channel.MAIL, "Ada@Example.com", "by wish")
    message, other = await sent(database, ADA, Mail("bob@example.com", "Hello", "text"))
    await work()
    states = [(await record(database, each)).state for each in (message, other)]
    assert states == [State.SUPPRESSED, State.SENT]


@pytest.mark.parametrize(
    "mail",
    [
        Mail("nobody", "Hello", "text"),
        Mail("ada@example.com\r\nBcc: eve@example.com", "Hello", "text"),
        Mail("ada@example.com", "Hello\nBcc: eve@example.com", "text"),
        Mail("ada@example.com", "  ", "text"),
        Mail("ada@example.com", "Hello", "text", name="Ada\r\nBcc: eve@example.com"),
        Mail("ada@example.com", "Hello", "text", reply_to="a@b.c\nBcc: eve@example.com"),
        Mail("ada@example.com", "Hello", "text", attachments=(Attachment("a\nb", "a/b", b""),)),
        Mail("ada@example.com", "Hello", "text", attachments=(Attachment("a", "text", b""),)),
        Mail("ada@example.com", "H", "t", attachments=(Attachment("a", "a/b", bytes(11 << 20)),)),
    ],
)
async def test_what_cannot_be_sent_is_refused_when_it_is_asked_for(
    mail: Mail, database: Database
) -> None:
    with pytest.raises(NoMessage):
        await sent(database, mail)
    assert await number_of_jobs(database) == 0


async def test_templates_escape_what_they_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "welcome.txt").write_text("Welcome, {% print name %}\n\n{% print text %}\n")
    (tmp_path / "welcome.html").write_text("<p>{% print text %}</p>")
    monkeypatch.setattr("app.features.notifications.mail.TEMPLATES", tmp_path)
    environment.cache_clear()  # it has read the folder of the project
    mail = Mail.from_template("welcome", "ada@example.com", name="Ada", text="<b>")
    environment.cache_clear()
    assert (mail.subject, mail.text, mail.html) == ("Welcome, Ada", "<b>\n", "<p>&lt;b&gt;</p>")


async def test_without_a_setting_mail_is_written_into_a_folder(
    database: Database,
    work: Work,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAIL_FOLDER", str(tmp_path / "mail"))
    configure(settings)
    (message,) = await sent(database, ADA)
    await work()
    assert (tmp_path / "mail" / f"{message}.eml").read_text().startswith("From: no-reply@localhost")
    assert (await record(database, message)).state == State.SENT
    assert await record(database, message) != await desk.get(database.reads, uuid4())
