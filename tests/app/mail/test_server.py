"""Sending mail as KEYDESK_SMTP_URL says: encryption, sign-in, and never showing the password."""

from pathlib import Path

import pytest

from app.mail.server import Encryption, MailFailure, UnusableMailServer, mail_server
from models.engine.database import Database
from tests.conftest import Clock
from tests.support.command_line import Keydesk
from tests.support.servers.small_servers import free_port
from tests.support.tickets.outbox_fixtures import CREDENTIALS, SUPPORT, at, outbox_to, row_of, written
from tests.support.tickets.smtp_server import PASSWORD, USER, certificate, smtp_server, tls
from tests.support.world import World


@pytest.fixture
def certificate_path(tmp_path: Path) -> Path:
    """A certificate for localhost."""
    return certificate(tmp_path)


@pytest.fixture
def trusted(certificate_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The certificate, trusted through OpenSSL's SSL_CERT_FILE."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate_path))
    return certificate_path


async def test_a_password_goes_through_starttls(database: Database, world: World, clock: Clock, trusted: Path) -> None:
    """Percent-encoded characters of the credentials are decoded."""
    await written(database, world, clock)

    with smtp_server(signs_in=True, tls_context=tls(trusted), require_starttls=True) as office:
        await outbox_to(database, clock, at(office.port, credentials=CREDENTIALS)).send_due()

    [mail] = office.mails
    assert (mail.is_encrypted, mail.is_signed_in) == (True, True)


async def test_tls_from_the_start(database: Database, world: World, clock: Clock, trusted: Path) -> None:
    """smtps:// uses TLS from the start."""
    await written(database, world, clock)

    with smtp_server(from_the_start=tls(trusted)) as office:
        await outbox_to(database, clock, at(office.port, scheme="smtps")).send_due()

    assert [mail.is_encrypted for mail in office.mails] == [True]


async def test_encryption_that_is_offered_is_taken(
    database: Database, world: World, clock: Clock, certificate_path: Path
) -> None:
    """An offered STARTTLS is used with any certificate, unless starttls=never is set."""
    await written(database, world, clock)

    with smtp_server(tls_context=tls(certificate_path)) as office:
        await outbox_to(database, clock, at(office.port)).send_due()
        await written(database, world, clock)
        await outbox_to(database, clock, at(office.port, options="?starttls=never")).send_due()

    assert [mail.is_encrypted for mail in office.mails] == [True, False]


@pytest.mark.parametrize(
    "options",
    [{"scheme": "smtps"}, {"options": "?starttls=required"}, {"credentials": CREDENTIALS}],
)
async def test_a_certificate_that_nobody_vouches_for_is_refused(
    database: Database, world: World, clock: Clock, certificate_path: Path, options: dict[str, str]
) -> None:
    """Where encryption is required, the certificate must be trusted."""
    ticket_id = await written(database, world, clock)
    context, is_implicit = tls(certificate_path), "scheme" in options

    with smtp_server(
        from_the_start=context if is_implicit else None, tls_context=None if is_implicit else context
    ) as office:
        await outbox_to(database, clock, at(office.port, **options)).send_due()

    row = await row_of(database, ticket_id)
    assert office.mails == []
    assert row.failure is not None
    assert "an invalid certificate" in row.failure


async def test_no_password_is_sent_in_the_clear(database: Database, world: World, clock: Clock) -> None:
    """A server without STARTTLS gets neither password nor mail, unless starttls=never is set."""
    ticket_id = await written(database, world, clock)

    with smtp_server(signs_in=True, auth_require_tls=False) as office:
        await outbox_to(database, clock, at(office.port, credentials=CREDENTIALS)).send_due()
        refused = await row_of(database, ticket_id)
        clock.advance(seconds=30)
        server = at(office.port, credentials=CREDENTIALS, options="?starttls=never")
        await outbox_to(database, clock, server).send_due()

    assert refused.failure is not None
    assert "STARTTLS" in refused.failure.upper()
    assert [(mail.is_encrypted, mail.is_signed_in) for mail in office.mails] == [(False, True)]


async def test_a_wrong_password_is_told_without_it(
    database: Database, world: World, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the ticket nor the log has the user or the password."""
    ticket_id = await written(database, world, clock)

    with smtp_server(signs_in=True, auth_require_tls=False) as office:
        server = at(office.port, credentials="someone:hunter3@", options="?starttls=never")
        await outbox_to(database, clock, server).send_due()

    row = await row_of(database, ticket_id)
    assert row.failure == f"127.0.0.1:{office.port} refuses the user or password (535)"
    assert "hunter3" not in caplog.text
    assert "someone" not in caplog.text


async def test_a_server_that_repeats_credentials_is_not_repeated(
    database: Database, world: World, clock: Clock
) -> None:
    """Credentials in the server's answers, plain or encoded, and control characters are removed."""
    ticket_id = await written(database, world, clock)

    with smtp_server(signs_in=True, auth_require_tls=False) as office:
        office.to_recipient = f"550 {USER} {PASSWORD} aHVudGVyMjovQGh1bnRlcjI= \x1b[2J" + "y" * 400
        server = at(office.port, credentials=CREDENTIALS, options="?starttls=never")
        await outbox_to(database, clock, server).send_due()

    row = await row_of(database, ticket_id)
    assert row.failure is not None
    assert "550 … … …" in row.failure
    assert "hunter2" not in row.failure
    assert "\x1b" not in row.failure
    assert len(row.failure) <= 300


@pytest.mark.parametrize(
    ("url", "place", "encryption", "user"),
    [
        ("smtp://mail.example", "mail.example:25", Encryption.WHERE_OFFERED, None),
        ("smtp://mail.example/", "mail.example:25", Encryption.WHERE_OFFERED, None),
        ("smtp://mail.example:2525?starttls=required", "mail.example:2525", Encryption.REQUIRED, None),
        ("smtp://mail.example?starttls=never", "mail.example:25", Encryption.NEVER, None),
        ("smtp://a%40b:c@mail.example", "mail.example:587", Encryption.REQUIRED, "a@b"),
        ("smtp://a:c@mail.example?starttls=never", "mail.example:587", Encryption.NEVER, "a"),
        ("smtps://a:c@mail.example", "mail.example:465", Encryption.FROM_THE_START, "a"),
        ("smtps://[::1]:4650", "[::1]:4650", Encryption.FROM_THE_START, None),
    ],
)
def test_an_address_says_where_and_how(url: str, place: str, encryption: Encryption, user: str | None) -> None:
    """The scheme, the port and the options follow from the address. A password requires encryption by default."""
    server = mail_server(url)

    assert (server.place, server.encryption, server.user) == (place, encryption, user)


@pytest.mark.parametrize(
    "url",
    [
        "mail.example",
        "http://mail.example",
        "smtp://",
        "smtp://:hunter2@mail.example",
        "smtp://hunter2@mail.example",
        "smtp://a:hunter2@",
        "smtp://a:hunter2/hunter2@mail.example",
        "smtp://a:hunter2@mail.example:port",
        "smtp://a:hunter2@mail.example:0",
        "smtp://a:hunter2@mail.example:99999",
        "smtp://a:hunter2@mail..example",
        "smtp://a:hunter2@bücher.example",
        "smtp://a:hunter2@[::1",
        "smtp://a:hunter2%0a@mail.example",
        "smtp://mail.example/hunter2",
        "smtp://mail.example?hunter2=1",
        "smtp://mail.example?starttls=hunter2",
        "smtps://a:hunter2@mail.example?starttls=required",
        "smtp://mail.example#hunter2",
    ],
)
def test_an_address_that_does_not_fit_is_not_repeated(url: str) -> None:
    """The message says how to write the address, without repeating the value."""
    with pytest.raises(UnusableMailServer) as refused:
        mail_server(url)

    assert "hunter2" not in str(refused.value)


def test_a_mail_server_prints_no_password() -> None:
    """The repr has no password."""
    assert "hunter2" not in f"{mail_server('smtps://a:hunter2@mail.example')!r}"


async def test_a_probe_says_how_far_it_came(trusted: Path) -> None:
    """A probe connects and signs in, and sends no mail."""
    with smtp_server(signs_in=True, tls_context=tls(trusted)) as office:
        told = await at(office.port, credentials=CREDENTIALS).probe()
    with smtp_server() as plain:
        told_of_plain = await at(plain.port).probe()

    assert (told, told_of_plain) == ("encrypted, signed in", "not encrypted")
    assert (office.mails, office.visits) == ([], 0)


async def test_a_probe_of_nobody_fails() -> None:
    """A probe fails if the server can't be reached."""
    with pytest.raises(MailFailure, match="can't be reached"):
        await at(free_port()).probe()


def mail_finding(keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, **settings: str) -> tuple[bool, str]:
    """Whether doctor finds the mail server ok, and what it says."""
    for name, value in settings.items():
        monkeypatch.setenv(f"KEYDESK_{name}", value)
    run = keydesk("doctor", "--json")
    [found] = [each for each in run.value if each["check"] == "mail"]
    assert "hunter2" not in run.out + run.err
    assert run.status == (0 if found["ok"] else 1)
    return found["ok"], found["detail"]


def test_the_doctor_says_what_is_missing(keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a mail server, with or without an address, the check is ok and says what happens to hand-overs."""
    nothing = mail_finding(keydesk, monkeypatch)
    address_alone = mail_finding(keydesk, monkeypatch, SUPPORT_EMAIL=SUPPORT)

    assert nothing == (True, "no mail server is set; hand-overs can only be read with `keydesk ticket list`")
    assert address_alone == (True, "no mail server is set; hand-overs wait for KEYDESK_SMTP_URL")


def test_the_doctor_goes_as_far_as_a_mail_would(
    keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, trusted: Path
) -> None:
    """The check uses STARTTLS and the password, and sends no mail."""
    with smtp_server(signs_in=True, tls_context=tls(trusted)) as office:
        url = f"smtp://{CREDENTIALS}127.0.0.1:{office.port}"
        without_address = mail_finding(keydesk, monkeypatch, SMTP_URL=url)
        only_people = mail_finding(keydesk, monkeypatch, MAIL_FROM=SUPPORT)
        sound = mail_finding(keydesk, monkeypatch, SUPPORT_EMAIL=SUPPORT)

    answers = f"127.0.0.1:{office.port} answers, encrypted, signed in"
    assert without_address == (
        True,
        f"{answers}; warning: no mail is sent, because neither KEYDESK_MAIL_FROM nor KEYDESK_SUPPORT_EMAIL is set",
    )
    assert only_people == (True, f"{answers}; warning: KEYDESK_SUPPORT_EMAIL is not set")
    assert sound == (True, f"{answers}; hand-overs go to {SUPPORT}")
    assert (office.mails, office.visits) == ([], 0)


def test_the_doctor_finds_what_is_wrong(keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused password, an unreachable server and an invalid address are failures."""
    with smtp_server(signs_in=True, auth_require_tls=False) as office:
        url = f"smtp://someone:hunter2@127.0.0.1:{office.port}?starttls=never"
        refused = mail_finding(keydesk, monkeypatch, SMTP_URL=url)
    gone = mail_finding(keydesk, monkeypatch)
    unreadable = mail_finding(keydesk, monkeypatch, SMTP_URL="smtp://hunter2@mail.example")

    assert refused == (False, f"127.0.0.1:{office.port} refuses the user or password (535); check KEYDESK_SMTP_URL")
    assert not gone[0]
    assert "can't be reached" in gone[1]
    assert not unreadable[0]
