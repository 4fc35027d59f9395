"""The commands `keydesk organization …`: create, list, change and delete organizations."""

from typing import Annotated

import typer

from app import utc_now
from app.cli.forms import ids_form, instant_form, minute, organization_form
from app.cli.terminal import (
    AsJson,
    Name,
    OrganizationArgument,
    Workplace,
    Yes,
    checked_name,
    confirm,
    is_terminal,
    limit_option,
    show,
    table,
    work,
)
from app.demo.people import people_with_public_passwords, take_passwords_away
from app.demo.story import ORGANIZATION_ID as DEMO_ORGANIZATION_ID
from keys.hashing import PASSWORD_PARAMETERS
from models.agent import live_agents
from models.engine.ids import Prefix, external_id
from models.organization import (
    DEFAULT_KEY_LIMIT,
    DEFAULT_MONTHLY_QUOTA,
    DEFAULT_RATE_LIMIT,
    Organization,
    live_organizations,
)
from models.person import Person
from resolvers.operator import organizations as operator_organizations
from resolvers.operator.lookup import named_organization
from resolvers.operator.organizations import DeletedOrganization

commands = typer.Typer(no_args_is_help=True, help="Organizations, and their limits.")

KEY_LIMIT = limit_option("--key-limit", "API keys that it can have at once.")
RATE_LIMIT = limit_option("--rate-limit", "Requests a minute that each of its API keys can make.")
MONTHLY_QUOTA = limit_option("--monthly-quota", "Requests a calendar month (UTC) that each of its API keys can make.")
ASSISTANT_MODEL = typer.Option(
    "--assistant-model/--no-assistant-model",
    help="Whether the model of KEYDESK_ASSISTANT_MODEL_URL may help with its people's unclear messages.",
)


@commands.command()
def create(
    name: Name,
    key_limit: Annotated[int, KEY_LIMIT] = DEFAULT_KEY_LIMIT,
    rate_limit: Annotated[int, RATE_LIMIT] = DEFAULT_RATE_LIMIT,
    monthly_quota: Annotated[int, MONTHLY_QUOTA] = DEFAULT_MONTHLY_QUOTA,
    assistant_model: Annotated[bool, ASSISTANT_MODEL] = True,
    as_json: AsJson = False,
) -> None:
    """Create an organization."""

    async def operation(workplace: Workplace) -> Organization:
        async with workplace.database.transaction() as session:
            return await operator_organizations.create_organization(
                session,
                name=name,
                key_limit=key_limit,
                rate_limit=rate_limit,
                monthly_quota=monthly_quota,
                allows_assistant_model=assistant_model,
                now=utc_now(),
            )

    row = work(operation)
    show(organization_form(row), [f"Created {_words(row)}."], as_json=as_json)


@commands.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show every organization, oldest first."""

    async def operation(workplace: Workplace) -> list[Organization]:
        async with workplace.database.reading() as session:
            return await live_organizations(session)

    rows = work(operation)
    lines = table(
        ("ID", "NAME", "KEYS", "REQUESTS/MINUTE", "REQUESTS/MONTH", "CREATED (UTC)"),
        [
            (
                external_id(Prefix.ORGANIZATION, row.id),
                row.name,
                f"{row.live_key_count} of {row.key_limit}",
                row.rate_limit,
                row.monthly_quota,
                minute(row.created_at),
            )
            for row in rows
        ],
        empty="There is no organization yet. Create one: keydesk organization create NAME",
    )
    show([organization_form(row) for row in rows], lines, as_json=as_json)


@commands.command()
def update(
    organization: OrganizationArgument,
    name: Annotated[str | None, typer.Option(callback=checked_name, metavar="NAME", help="Another name.")] = None,
    key_limit: Annotated[int | None, KEY_LIMIT] = None,
    rate_limit: Annotated[int | None, RATE_LIMIT] = None,
    monthly_quota: Annotated[int | None, MONTHLY_QUOTA] = None,
    assistant_model: Annotated[bool | None, ASSISTANT_MODEL] = None,
    as_json: AsJson = False,
) -> None:
    """Change an organization's name, limits or settings. A lower key limit deletes no keys; it refuses new ones."""
    if all(each is None for each in (name, key_limit, rate_limit, monthly_quota, assistant_model)):
        raise typer.BadParameter(
            "say what to change: --name, --key-limit, --rate-limit, --monthly-quota or --[no-]assistant-model."
        )

    async def operation(workplace: Workplace) -> Organization:
        async with workplace.database.transaction() as session:
            return await operator_organizations.update_organization(
                session,
                organization_id=(await named_organization(session, organization)).id,
                name=name,
                key_limit=key_limit,
                rate_limit=rate_limit,
                monthly_quota=monthly_quota,
                allows_assistant_model=assistant_model,
                now=utc_now(),
            )

    row = work(operation)
    show(organization_form(row), [f"Changed {_words(row)}."], as_json=as_json)


@commands.command()
def delete(organization: OrganizationArgument, yes: Yes = False, as_json: AsJson = False) -> None:
    """
    Delete an organization with its agents and API keys.

    Requests with these keys are refused at once. On a terminal, asks first.
    """
    if is_terminal() and not yes:
        found, agents = work(lambda workplace: _with_agents(workplace, organization))
        organization = external_id(Prefix.ORGANIZATION, found.id)
        confirm(
            f"Delete {organization} “{found.name}”? Its agents ({agents}) and API keys ({found.live_key_count}) are "
            "deleted too, and their requests are refused at once."
        )

    async def operation(workplace: Workplace) -> tuple[DeletedOrganization, list[str]]:
        async with workplace.database.reading() as session:
            organization_id = (await named_organization(session, organization)).id
        public: list[Person] = []
        if organization_id == DEMO_ORGANIZATION_ID:
            public = await people_with_public_passwords(workplace.database, PASSWORD_PARAMETERS.hasher())
        async with workplace.database.transaction() as session:
            deleted = await operator_organizations.delete_organization(
                session, organization_id=organization_id, now=utc_now()
            )
            return deleted, await take_passwords_away(session, public)

    deleted, without_password = work(operation)
    row = deleted.organization
    form = {
        "id": external_id(Prefix.ORGANIZATION, row.id),
        "name": row.name,
        "deletedAt": instant_form(row.deleted_at),
        "deletedAgents": ids_form(Prefix.AGENT, deleted.agent_ids),
        "deletedKeys": ids_form(Prefix.API_KEY, deleted.key_ids),
        **({"passwordsTakenAway": without_password} if without_password else {}),
    }
    gone = f"agents: {len(deleted.agent_ids)}, API keys: {len(deleted.key_ids)}"
    lines = [f"Deleted {form['id']} “{row.name}” with everything in it ({gone})."]
    if without_password:
        lines.append(
            "The demo's passwords are public, so these people no longer have a password: "
            f"{', '.join(without_password)}. To let one of them sign in: keydesk user password EMAIL"
        )
    show(form, lines, as_json=as_json)


async def _with_agents(workplace: Workplace, organization: str) -> tuple[Organization, int]:
    async with workplace.database.reading() as session:
        found = await named_organization(session, organization)
        return found, len(await live_agents(session, found.id))


def _words(row: Organization) -> str:
    return (
        f"{external_id(Prefix.ORGANIZATION, row.id)} “{row.name}”: {row.live_key_count} of {row.key_limit} API keys "
        f"in use, {row.rate_limit} requests a minute and {row.monthly_quota} a month for each"
    )
