"""The commands `keydesk key …`: create, list, rename, limit, rotate and delete API keys."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

import typer

from app import utc_now
from app.cli.forms import Form, allowance_form, key_form, key_limits_form, key_words, minute
from app.cli.terminal import (
    AsJson,
    Name,
    OrganizationOption,
    Workplace,
    key_services,
    limit_option,
    note,
    show,
    table,
    work,
)
from app.cli_errors import Failure
from app.startup_checks import require_own_server_key
from keys.policy import OPERATOR, scope_of
from keys.refusals import ApiKeyNotFound, KeyLimitReached
from keys.token import hint_of
from models.engine.ids import Prefix, external_id, parse_external_id
from models.key_limits import KeyLimits, limits_of_keys
from models.key_queries import ApiKeyRecord
from resolvers import api_keys
from resolvers.api_keys import OVERLAP_SECONDS_AT_MOST, Deleted
from resolvers.creation.create_api_key import create_api_key
from resolvers.operator import keys as operator_keys
from resolvers.operator.keys import Limited
from resolvers.operator.lookup import named_agent, named_organization
from resolvers.services import Issued, KeyServices

commands = typer.Typer(no_args_is_help=True, help="API keys: create, limit, rotate and delete them.")

Key = Annotated[str, typer.Argument(metavar="KEY", help="The key's id, such as key_0192…; never the secret.")]


@commands.command()
def create(
    name: Name,
    organization: OrganizationOption,
    agent: Annotated[
        str | None,
        typer.Option(
            metavar="AGT",
            help="The agent that the key is for: its id or its name. Without it, the key is for all agents.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create an API key and print its secret, which is shown only once."""

    async def operation(workplace: Workplace) -> Issued:
        async with workplace.database.reading() as session:
            organization_id = (await named_organization(session, organization)).id
            agent_id = (
                None if agent is None else (await named_agent(session, agent, organization_id=organization_id)).id
            )
        async with _issuing(workplace) as services:
            try:
                return await create_api_key(
                    services,
                    OPERATOR,
                    organization_id=organization_id,
                    name=name,
                    scope=scope_of(agent_id),
                    agent_id=agent_id,
                )
            except KeyLimitReached as refusal:
                unused = (
                    f" The key that was unused for longest is {key_words(refusal.candidates[0])}."
                    if refusal.candidates
                    else ""
                )
                raise Failure(f"{refusal.message}{unused}") from None

    _show_issued("Created", work(operation), as_json=as_json)


@commands.command()
def rotate(
    key: Key,
    overlap: Annotated[
        int,
        typer.Option(
            min=0,
            max=OVERLAP_SECONDS_AT_MOST,
            metavar="SECONDS",
            help="How long the previous secret continues to work; 0 ends it at once.",
        ),
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Give an API key a new secret and print it, only once. The key keeps its id, name and slot."""

    async def operation(workplace: Workplace) -> Issued:
        async with _issuing(workplace) as services:
            return await api_keys.rotate_api_key(services, OPERATOR, key_id=_key_id(key), overlap_seconds=overlap)

    _show_issued("Rotated", work(operation), as_json=as_json)


@commands.command()
def rename(key: Key, name: Name, as_json: AsJson = False) -> None:
    """Rename an API key."""

    async def operation(workplace: Workplace) -> ApiKeyRecord:
        return await api_keys.rename_api_key(workplace.change_services(), OPERATOR, key_id=_key_id(key), name=name)

    record = work(operation)
    show(key_form(record, utc_now()), [f"Renamed {key_words(record)}."], as_json=as_json)


@commands.command("list")
def list_(
    organization: OrganizationOption,
    deleted: Annotated[bool, typer.Option("--deleted", help="Also show the 100 newest deleted keys.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show an organization's API keys, newest first."""

    async def operation(workplace: Workplace) -> list[tuple[ApiKeyRecord, KeyLimits]]:
        async with workplace.database.reading() as session:
            found = await api_keys.api_keys(
                session,
                OPERATOR,
                organization_id=(await named_organization(session, organization)).id,
                include_deleted=deleted,
            )
            limits = await limits_of_keys(session, [record.id for record in found])
        return [(record, limits[record.id]) for record in found]

    keys = work(operation)
    lines = table(
        ("ID", "NAME", "FOR", "HINT", "REQUESTS/MINUTE", "REQUESTS/MONTH", "CREATED (UTC)", "BY", "DELETED (UTC)"),
        [
            (
                external_id(Prefix.API_KEY, record.id),
                record.name,
                "every agent" if record.agent is None else record.agent.name,
                hint_of(record),
                _limit_words(limits.rate_limit, limits.own_rate_limit),
                _limit_words(limits.monthly_quota, limits.own_monthly_quota),
                minute(record.created_at),
                _creator(record),
                minute(record.deleted_at),
            )
            for record, limits in keys
        ],
        empty="This organization has no API key yet. Create one: keydesk key create NAME --organization ORG",
    )
    now = utc_now()
    form = [{**key_form(record, now), **key_limits_form(limits)} for record, limits in keys]
    show(form, lines, as_json=as_json)


@commands.command()
def limit(
    key: Key,
    rate_limit: Annotated[int | None, limit_option("--rate-limit", "Requests a minute that the key can make.")] = None,
    monthly_quota: Annotated[
        int | None, limit_option("--monthly-quota", "Requests a calendar month (UTC) that the key can make.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Set limits for one API key, from its next verification on.

    A limit that is left out is unchanged. Without any option, the limits of the organization apply again.
    """

    async def operation(workplace: Workplace) -> Limited:
        async with workplace.database.transaction() as session:
            return await operator_keys.limit_key(
                session, key_id=_key_id(key), rate_limit=rate_limit, monthly_quota=monthly_quota, now=utc_now()
            )

    limited = work(operation)
    limits = limited.limits
    holding = (
        f"{_limit_words(limits.rate_limit, limits.own_rate_limit)} requests a minute, "
        f"{_limit_words(limits.monthly_quota, limits.own_monthly_quota)} a month"
    )
    done = "Limited" if limited.has_changed else "Nothing changed for"
    form: Form = {**key_form(limited.record, utc_now()), **key_limits_form(limits)}
    show(form, [f"{done} {key_words(limited.record)}: {holding}."], as_json=as_json)


@commands.command()
def delete(key: Key, as_json: AsJson = False) -> None:
    """Delete an API key. Requests with this key are refused at once."""

    async def operation(workplace: Workplace) -> Deleted:
        return await api_keys.delete_api_key(workplace.change_services(), OPERATOR, key_id=_key_id(key))

    deleted = work(operation)
    form: Form = {**key_form(deleted.record, utc_now()), "keyAllowance": allowance_form(deleted.allowance)}
    in_use = f"{deleted.allowance.used} of {deleted.allowance.limit} API keys are in use now"
    show(form, [f"Deleted {key_words(deleted.record)}. {in_use}."], as_json=as_json)


@asynccontextmanager
async def _issuing(workplace: Workplace) -> AsyncIterator[KeyServices]:
    """The services for operations that make a secret. Raises Failure if the server keys are not the server's."""
    server_keys = workplace.server_keys()
    await require_own_server_key(workplace.database, server_keys)
    with key_services(workplace.settings, workplace.database, server_keys) as services:
        yield services


def _limit_words(holding: int, own: int | None) -> str:
    return str(holding) if own is None else f"{own} (its own)"


def _key_id(text: str) -> UUID:
    key_id = parse_external_id(Prefix.API_KEY, text)
    if key_id is None:
        raise ApiKeyNotFound("This is not the id of an API key. Ids look like key_0192…: see keydesk key list.")
    return key_id


def _show_issued(done: str, issued: Issued, *, as_json: bool) -> None:
    lines = [f"{done} {key_words(issued.record)}. Its secret is shown only once:", "", f"    {issued.secret.reveal()}"]
    works_until = issued.record.previous_works_until
    if works_until is not None:
        note(f"The previous secret works until {works_until:%Y-%m-%d %H:%M:%S} UTC.")
    form = {**key_form(issued.record, utc_now()), "secret": issued.secret.reveal()}
    show(form, lines, as_json=as_json)


def _creator(record: ApiKeyRecord) -> str:
    if record.created_by is not None:
        return record.created_by.email
    return "the operator" if record.created_by_token is None else f"the token {record.created_by_token.name}"
