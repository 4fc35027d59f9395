"""The commands `keydesk token …`: create, list and revoke operator tokens."""

from typing import Annotated

import typer

from app import utc_now
from app.cli.forms import Form, instant_form, minute
from app.cli.terminal import AsJson, Name, Workplace, Yes, confirm, is_terminal, note, show, table, work
from app.startup_checks import require_own_server_key
from keys.policy import Right
from keys.program_token import ProgramTokens
from keys.token import Secret, hint
from models.engine.ids import Prefix, external_id
from models.tokens.program_token import ProgramToken
from resolvers.operator import tokens as operator_tokens
from resolvers.tokens.lifetime import DAYS_AT_MOST

commands = typer.Typer(no_args_is_help=True, help="Operator tokens, with which programs provision or sign people in.")


@commands.command()
def create(
    name: Name,
    can: Annotated[
        list[Right] | None,
        typer.Option(
            "--can",
            help="What the token may do; at least one. provision: create and delete organizations, agents and "
            "members. sign-in: make links that sign members in.",
        ),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=DAYS_AT_MOST, metavar="N", help="How long it works.")] = 90,
    as_json: AsJson = False,
) -> None:
    """Create an operator token. It is printed once: only a digest of it is stored."""

    async def operation(workplace: Workplace) -> tuple[ProgramToken, Secret]:
        server_keys = workplace.server_keys()
        await require_own_server_key(workplace.database, server_keys)
        tokens = ProgramTokens(server_keys, workplace.settings.key_prefixes)
        async with workplace.database.transaction() as session:
            return await operator_tokens.create_token(
                session, tokens, name=name, rights=set(can or ()), days=days, now=utc_now()
            )

    row, secret = work(operation)
    if not as_json:
        note(f"Created {_words(row)}. Store the token now, because it is not shown again:")
    show({**_form(row), "secret": secret.reveal()}, [secret.reveal()], as_json=as_json)


@commands.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show the operator tokens, newest first, with those that have expired or were revoked."""

    async def operation(workplace: Workplace) -> list[ProgramToken]:
        async with workplace.database.reading() as session:
            return await operator_tokens.list_tokens(session)

    rows = work(operation)
    lines = table(
        ("ID", "NAME", "HINT", "CAN", "LAST USED (UTC)", "EXPIRES (UTC)", "STATE"),
        [
            (
                external_id(Prefix.TOKEN, row.id),
                row.name,
                _hint(row),
                ", ".join(_rights(row)),
                minute(row.last_used_at),
                minute(row.expires_at),
                _state(row),
            )
            for row in rows
        ],
        empty="There is no operator token yet. Create one: keydesk token create NAME --can provision",
    )
    show([_form(row) for row in rows], lines, as_json=as_json)


@commands.command()
def revoke(
    token: Annotated[
        str, typer.Argument(metavar="TOKEN", help="Its id, or its name if that is unique. Service tokens by id.")
    ],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Revoke a token. Requests with it are refused at once. On a terminal, asks first."""
    if is_terminal() and not yes:
        confirm("Revoke this token? Programs that use it are refused at once.")

    async def operation(workplace: Workplace) -> ProgramToken:
        async with workplace.database.transaction() as session:
            return await operator_tokens.revoke_token(session, token, now=utc_now())

    row = work(operation)
    show(_form(row), [f"Revoked {_words(row)}."], as_json=as_json)


def _form(row: ProgramToken) -> Form:
    return {
        "id": external_id(Prefix.TOKEN, row.id),
        "name": row.name,
        "hint": _hint(row),
        "can": _rights(row),
        "createdAt": instant_form(row.created_at),
        "expiresAt": instant_form(row.expires_at),
        "lastUsedAt": instant_form(row.last_used_at),
        "revokedAt": instant_form(row.revoked_at),
    }


def _rights(row: ProgramToken) -> list[str]:
    held = {Right.PROVISION: row.may_provision, Right.SIGN_IN: row.may_sign_in}
    return [right.value for right, is_held in held.items() if is_held]


def _state(row: ProgramToken) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "works" if utc_now() < row.expires_at else "expired"


def _hint(row: ProgramToken) -> str:
    return hint(row.prefix, row.public_id, row.last_four)


def _words(row: ProgramToken) -> str:
    return f"{external_id(Prefix.TOKEN, row.id)} “{row.name}”"
