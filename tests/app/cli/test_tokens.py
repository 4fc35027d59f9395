"""`keydesk token`: operator tokens."""

from datetime import datetime, timedelta

import pytest

from keys.program_token import ProgramTokens
from keys.token import ServerKeys
from models.engine.database import Database
from models.tokens.program_token import PresentedToken, token_with_digest
from tests.support.command_line import SECRET_KEY, InDatabase, Keydesk
from tests.support.world import World


def found(in_database: InDatabase, secret: str) -> PresentedToken | None:
    """The stored token, as the server finds it."""
    digest = ProgramTokens(ServerKeys((SECRET_KEY.encode(),)), ["kd"]).digest(secret)
    assert digest is not None

    async def read(database: Database) -> PresentedToken | None:
        async with database.reading() as session:
            return await token_with_digest(session, digest)

    row: PresentedToken | None = in_database(read)
    return row


def test_a_token_is_created_listed_and_revoked(keydesk: Keydesk, acme: World, in_database: InDatabase) -> None:
    """The secret is all that is on standard output, once. Revoking by name or id works, twice too."""
    made = keydesk("token", "create", "host", "--can", "provision", "--can", "sign-in")
    secret = made.out.strip()
    before = found(in_database, secret)
    listed = keydesk("token", "list", "--json")

    revoked = keydesk("token", "revoke", "host", "--json")
    again = keydesk("token", "revoke", listed.value[0]["id"], "--json")

    assert secret.startswith("kdo_")
    assert len(secret) == len("kdo_") + 16 + 1 + 42
    assert "not shown again" in made.err
    assert before is not None
    assert (before.kind, before.may_provision, before.may_sign_in, before.revoked_at) == ("operator", True, True, None)
    assert [(each["name"], each["can"], each["hint"][:10]) for each in listed.value] == [
        ("host", ["provision", "sign-in"], secret[:10])
    ]
    assert secret not in listed.out + keydesk("token", "list").out
    after = found(in_database, secret)
    assert after is not None
    assert after.revoked_at is not None
    assert revoked.value["revokedAt"] == again.value["revokedAt"]
    assert "revoked" in keydesk("token", "list").out


@pytest.mark.parametrize(("options", "days"), [((), 90), (("--days", "1"), 1), (("--days", "366"), 366)])
def test_a_token_works_for_so_many_days(keydesk: Keydesk, acme: World, options: tuple[str, ...], days: int) -> None:
    """Ninety, if nothing else is said. A right that was not named is not given."""
    made = keydesk("token", "create", "host", "--can", "sign-in", *options, "--json").value

    created, expires = (datetime.fromisoformat(made[name]) for name in ("createdAt", "expiresAt"))
    assert expires - created == timedelta(days=days)
    assert made["can"] == ["sign-in"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("create", "host"), 1, "--can provision"),
        (("create", "host", "--can", "everything"), 2, "provision"),
        (("create", "host", "--can", "provision", "--days", "0"), 2, "or equal to"),
        (("create", "host", "--can", "provision", "--days", "367"), 2, "or equal to"),
        (("create", "  ", "--can", "provision"), 2, "name"),
        (("revoke", "nobody's"), 1, "keydesk token list"),
        (("revoke", "tok_00000000000000000000000000000000"), 1, "There is no such token"),
    ],
)
def test_what_is_refused(keydesk: Keydesk, acme: World, arguments: tuple[str, ...], status: int, said: str) -> None:
    """Each with a sentence that says what to do. Nothing is stored."""
    run = keydesk("token", *arguments)

    assert run.status == status
    assert said in run.err
    assert keydesk("token", "list", "--json").value == []


def test_two_tokens_with_one_name_are_told_apart_by_id(keydesk: Keydesk, acme: World) -> None:
    """The name is refused until one of them is revoked."""
    first, second = (keydesk("token", "create", "host", "--can", "provision", "--json").value for _ in range(2))

    refused = keydesk("token", "revoke", "host")
    keydesk("token", "revoke", second["id"])
    by_name = keydesk("token", "revoke", "host", "--json")

    assert (refused.status, "Use the id" in refused.err) == (1, True)
    assert by_name.value["id"] == first["id"]


def test_a_token_on_the_command_line_is_not_repeated(keydesk: Keydesk, acme: World) -> None:
    """Whoever revokes by the token itself is told how to, without the token."""
    secret = keydesk("token", "create", "host", "--can", "provision").out.strip()

    run = keydesk("token", "revoke", secret)

    assert run.status == 1
    assert secret not in run.err + run.out
    assert "keydesk token list" in run.err
