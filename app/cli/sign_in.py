"""The commands `keydesk sign-in …`: show what is locked after wrong passwords, and unlock it."""

import ipaddress
from typing import Annotated, Any

import typer

from app import utc_now
from app.cli.forms import instant_form, minute
from app.cli.terminal import AsJson, Workplace, checked_email, note, show, table, work
from app.observability.logs import log_for_operator
from keys.sign_in.throttle import Limit
from models.engine.database import Database
from models.person import person_by_email
from resolvers.operator import sign_in as operator_sign_in
from resolvers.operator.sign_in import Lock, Unlocked

commands = typer.Typer(no_args_is_help=True, help="Accounts and addresses that are locked after wrong passwords.")


def checked_address(text: str | None) -> str | None:
    """A callback for Typer: one IP address, or an IPv6 network as `keydesk sign-in list` shows it."""
    if text is None:
        return None
    try:
        return str(ipaddress.ip_network(text, strict=False).network_address)
    except ValueError:
        raise typer.BadParameter(f"{text[:64]} is not an IP address. Use one such as 203.0.113.7.") from None


@commands.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show which accounts and addresses are locked, and until when."""

    async def operation(workplace: Workplace) -> list[Lock]:
        async with workplace.database.reading() as session:
            return await operator_sign_in.locks(session, workplace.server_keys(), now=utc_now())

    found = work(operation)
    lines = table(
        ("LOCKED", "ACCOUNT", "ADDRESS", "FAILURES", "UNTIL (UTC)"),
        [
            (
                each.limit.value,
                _account_words(each) if each.account else "every account",
                each.address or "every address",
                each.failures,
                minute(each.until),
            )
            for each in found
        ],
        empty="Nothing is locked: nobody has entered too many wrong passwords in the last 15 minutes.",
    )
    show([_form(each) for each in found], lines, as_json=as_json)


@commands.command()
def unlock(
    email: Annotated[
        str | None,
        typer.Argument(callback=checked_email, metavar="[EMAIL]", help="The account's e-mail address."),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option("--address", callback=checked_address, metavar="ADDRESS", help="Unlock this IP address instead."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Unlock every account and address.")] = False,
    as_json: AsJson = False,
) -> None:
    """
    Unlock people who entered too many wrong passwords.

    Deletes the failed attempts of one account, of one address, or all of them. Passwords are not changed.
    """
    if sum((email is not None, address is not None, everything)) != 1:
        raise typer.BadParameter("say what to unlock: EMAIL, --address ADDRESS or --all, and only one of them.")

    async def operation(workplace: Workplace) -> tuple[Unlocked, bool]:
        keys = None if email is None else workplace.server_keys()
        is_known = email is None or await _is_known(workplace.database, email)
        async with workplace.database.transaction() as session:
            if email is not None and keys is not None:
                unlocked = await operator_sign_in.unlock_account(session, keys, email=email, now=utc_now())
            elif address is not None:
                unlocked = await operator_sign_in.unlock_address(session, address=address, now=utc_now())
            else:
                unlocked = await operator_sign_in.unlock_all(session, now=utc_now())
        return unlocked, is_known

    unlocked, is_known = work(operation)
    target = email or address or "all accounts and addresses"
    if not is_known:
        note(f"No person has the address {email}. Attempts with it are counted anyway.")
    for lock in unlocked.still_locked:
        note(
            f"{lock.address} stays locked until {minute(lock.until)} UTC, since it has {lock.failures} failed attempts "
            f"at other accounts. To unlock it, too: keydesk sign-in unlock --address {lock.address}"
        )
    form = {
        "unlocked": target,
        "failedAttempts": unlocked.failures,
        "locks": [_form(lock) for lock in unlocked.locks],
        "addresses": list(unlocked.addresses),
        "stillLocked": [_form(lock) for lock in unlocked.still_locked],
    }
    show(form, [_words(target, unlocked)], as_json=as_json)
    facts = {"unlocked": target, "failedAttempts": unlocked.failures, "actor": "operator"}
    log_for_operator("keydesk.sign_in", f"the operator unlocked {target}", facts)


async def _is_known(database: Database, email: str) -> bool:
    async with database.reading() as session:
        return await person_by_email(session, email) is not None


def _words(target: str, unlocked: Unlocked) -> str:
    if not unlocked.failures:
        return f"Nothing to unlock: there were no failed attempts of {target} in the last 15 minutes."
    attempts = "1 failed attempt" if unlocked.failures == 1 else f"{unlocked.failures} failed attempts"
    was = "which had not locked anything yet" if not unlocked.locks else f"which had locked: {_locked_words(unlocked)}"
    return f"Unlocked {target}: {attempts} forgotten, {was}."


def _locked_words(unlocked: Unlocked) -> str:
    words = []
    for lock in unlocked.locks:
        match lock.limit:
            case Limit.ADDRESS:
                words.append(f"the address {lock.address}")
            case Limit.ACCOUNT_AND_ADDRESS:
                words.append(f"an account from {lock.address}")
            case Limit.ACCOUNT:
                words.append("an account from everywhere")
            case Limit.DEVICE:
                words.append("an account on one of its devices")
    return ", ".join(dict.fromkeys(words))


def _account_words(lock: Lock) -> str:
    return lock.email or f"unknown ({(lock.account or '')[:12]})"


def _form(lock: Lock) -> dict[str, Any]:
    return {
        "limit": lock.limit.name,
        "email": lock.email,
        "address": lock.address,
        "failedAttempts": lock.failures,
        "until": instant_form(lock.until),
    }
