"""The commands `keydesk revocations …`: what the revocation journal holds, and revoking again what was forgotten."""

from collections.abc import Sequence
from typing import Annotated

import typer

from app import utc_now
from app.cli.forms import Form, instant_form, minute
from app.cli.terminal import AsJson, Workplace, note, show, work
from app.cli_errors import Failure
from app.revocations.journal import NO_JOURNAL, journal_of
from app.revocations.start import forgotten_words, no_journal_words
from models.revocations.journal import Journal, JournalUnusable, journal_at
from models.revocations.restore_mark import SettledBy, settle_restores
from resolvers.operator.revocations import Applied, Comparison, compare, record_older_deletions, revoke_again

SHOWN_AT_MOST = 20
commands = typer.Typer(
    no_args_is_help=True,
    help="The revocation journal: see it, and revoke again what a restored database has forgotten.",
)
JournalPath = Annotated[
    str | None,
    typer.Option("--journal", metavar="PATH", help="The journal's file or folder, if not that of the settings."),
]


@commands.command()
def status(journal: JournalPath = None, as_json: AsJson = False) -> None:
    """
    Show what the journal holds, and what the database has forgotten of it.

    The exit status is 1 if the journal is damaged.
    """

    async def operation(workplace: Workplace) -> tuple[Journal, Comparison]:
        chosen = _chosen(workplace, journal)
        return chosen, await _compared(workplace, chosen)

    chosen, found = work(operation)
    show(_form(chosen, found), _lines(chosen, found), as_json=as_json)
    if found.contents.damage:
        note(_damage_words(found))
        raise typer.Exit(1)


@commands.command()
def apply(
    journal: JournalPath = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Go on with a damaged journal: apply the lines that are whole.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Delete again the keys, and end again the secrets and tokens, that a restored or failed-over database has forgotten.

    After that, a restored database can be served.
    """

    async def operation(workplace: Workplace) -> tuple[Journal, Comparison, Applied]:
        chosen = _chosen(workplace, journal)
        found = await _compared(workplace, chosen)
        if not found.contents.files:
            raise Failure(
                f"There is no revocation journal at {chosen.path}, so nothing was changed. Name the one that was used "
                "with --journal; without one, serve with --accept-revived."
            )
        if found.contents.damage and not partial:
            raise Failure(
                f"{_damage_words(found)} Nothing was changed. To apply the lines that are whole, add --partial."
            )
        database = workplace.database
        applied = await revoke_again(database, found.forgotten, now=utc_now())
        async with database.transaction() as session:
            await settle_restores(session, SettledBy.APPLIED, now=utc_now())
        if database.revocations is not None:
            await record_older_deletions(database, database.revocations, found.revoked)
        return chosen, found, applied

    chosen, found, applied = work(operation)
    form = {**_form(chosen, found), "deletedAgain": applied.keys, "endedAgain": applied.secrets}
    form["revokedAgain"] = applied.tokens
    form["forgotten"], form["restoredAt"] = {"keys": 0, "secrets": 0, "tokens": 0}, None
    lines = [f"Deleted again: {_count(applied.keys, 'key')}. Ended again: {_count(applied.secrets, 'secret')}."]
    if applied.tokens:
        lines.append(f"Revoked again: {_count(applied.tokens, 'token')}.")
    if applied.secrets:
        lines.append("The new secrets of these keys are lost. Their owners must rotate them: see the audit log.")
    if found.contents.damage:
        note(_damage_words(found))
    show(form, lines, as_json=as_json)


def _chosen(workplace: Workplace, path: str | None) -> Journal:
    found = journal_of(workplace.settings) if path is None else journal_at(path)
    if found is None:
        raise Failure(f"{NO_JOURNAL}, or name one with --journal.")
    if path is not None and not found.files:
        raise Failure(f"There is no revocation journal at {found.path}. Check the path after --journal.")
    return found


async def _compared(workplace: Workplace, journal: Journal) -> Comparison:
    try:
        return await compare(workplace.database, journal)
    except JournalUnusable as error:
        raise Failure(f"The revocation journal can't be used: {error}. Check its path and permissions.") from None
    except TimeoutError:
        raise Failure(f"The revocation journal at {journal.path} does not answer. Check its file system.") from None


def _form(journal: Journal, found: Comparison) -> Form:
    contents = found.contents
    return {
        "journal": str(journal.path),
        "files": contents.files,
        "bytes": contents.size,
        "lines": len(contents.revocations),
        "first": instant_form(contents.first),
        "last": instant_form(contents.last),
        "deletedKeys": len(found.revoked.deleted),
        "replacedSecrets": found.revoked.secret_count,
        "damaged": [{"file": str(each.file), "line": each.line, "what": each.what} for each in contents.damage],
        "forgotten": {"keys": found.keys, "secrets": found.secrets, "tokens": found.tokens},
        "restoredAt": instant_form(found.restored_at),
    }


def _lines(journal: Journal, found: Comparison) -> Sequence[str]:
    contents = found.contents
    if not contents.files:
        return [no_journal_words(journal), *_restore_lines(found)]
    lines = [
        f"{journal.path}: {_count(len(contents.revocations), 'line')} in {_count(contents.files, 'file')}, "
        f"{contents.size} bytes"
    ]
    if contents.revocations:
        lines += [
            f"from {minute(contents.first)} to {minute(contents.last)} UTC",
            f"It holds {_count(len(found.revoked.deleted), 'deletion')} of keys and tokens, and "
            f"{_count(found.revoked.secret_count, 'replaced secret')}.",
        ]
    lines += [f"{each.file}, line {each.line}: {each.what}" for each in contents.damage[:SHOWN_AT_MOST]]
    lines += _restore_lines(found)
    if found.forgotten:
        lines.append(f"The database has forgotten {forgotten_words(found)}. Run `keydesk revocations apply`.")
    else:
        lines.append("The database has forgotten nothing that is in the journal.")
    return lines


def _restore_lines(found: Comparison) -> list[str]:
    if found.restored_at is None:
        return []
    return [
        f"The database was restored from a backup on {minute(found.restored_at)} UTC. It is not served until "
        "`keydesk revocations apply` was run."
    ]


def _damage_words(found: Comparison) -> str:
    first, count = found.contents.damage[0], len(found.contents.damage)
    places = "1 place" if count == 1 else f"{count} places, first"
    return f"The revocation journal is damaged in {places} at line {first.line} of {first.file}: {first.what}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
