"""The commands `keydesk sso …`: what the identity provider's groups mean, which accounts may be linked, a check."""

import asyncio
from typing import Annotated

import typer

from app import utc_now
from app.cli.forms import Form, person_form
from app.cli.people import AGENTS_ARE_FOR_AGENT_ADMINS, Agents
from app.cli.terminal import (
    AsJson,
    Email,
    OrganizationArgument,
    Workplace,
    note,
    settings_from_environment,
    show,
    table,
    work,
)
from app.cli_errors import Failure
from app.sso.check import provider_findings
from models.engine.ids import Prefix, external_id
from models.person import NamedPerson, Person, Role
from models.sso.group_mapping import MappedGroup
from resolvers.operator import sso
from resolvers.operator.lookup import named_agent, named_organization
from resolvers.operator.sso import Mapped

commands = typer.Typer(no_args_is_help=True, help="Single sign-on: what the identity provider's groups mean.")

Group = Annotated[str, typer.Option("--group", metavar="NAME", help="The group, as the provider writes it.")]


@commands.command("map")
def map_(
    organization: OrganizationArgument,
    group: Group,
    role: Annotated[Role, typer.Option(help="The role of the group's people in the organization.")],
    agent: Agents = None,
    as_json: AsJson = False,
) -> None:
    """
    Give the people of a group a role in an organization, from their next sign-in on.

    From the first mapping on, memberships of people who sign in by the provider follow their groups there. Nobody is
    removed before they sign in again, and the last organization admin never is.
    """
    if agent and role is not Role.AGENT_ADMIN:
        raise typer.BadParameter(AGENTS_ARE_FOR_AGENT_ADMINS)

    async def operation(workplace: Workplace) -> Mapped:
        async with workplace.database.transaction() as session:
            organization_id = (await named_organization(session, organization)).id
            agents = [await named_agent(session, text, organization_id=organization_id) for text in agent or ()]
            return await sso.map_group(
                session,
                organization_id=organization_id,
                group=group,
                role=role,
                agent_ids=[each.id for each in agents],
                now=utc_now(),
            )

    mapped = work(operation)
    done = "Mapped" if mapped.is_new else "Changed the mapping of"
    show(_form(mapped.mapping), [f"{done} {_words(mapped.mapping)}."], as_json=as_json)


@commands.command()
def unmap(organization: OrganizationArgument, group: Group, as_json: AsJson = False) -> None:
    """
    End the meaning of a group in an organization.

    Without any mapping, the organization's memberships stay as they are.
    """

    async def operation(workplace: Workplace) -> str:
        async with workplace.database.transaction() as session:
            row = await named_organization(session, organization)
            await sso.unmap_group(session, organization_id=row.id, group=group, now=utc_now())
            return external_id(Prefix.ORGANIZATION, row.id)

    organization_id = work(operation)
    form = {"organizationId": organization_id, "group": group}
    show(form, [f"The group “{group}” has no meaning in this organization any more."], as_json=as_json)


@commands.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show what groups mean, by organization."""

    async def operation(workplace: Workplace) -> list[MappedGroup]:
        async with workplace.database.reading() as session:
            return await sso.mappings(session)

    found = work(operation)
    lines = table(
        ("ORGANIZATION", "GROUP", "ROLE", "AGENTS"),
        [(each.organization_name, each.group, each.role.value, _agents(each)) for each in found],
        empty="No group has a meaning yet. Add one: keydesk sso map ORG --group NAME --role …",
    )
    show([_form(each) for each in found], lines, as_json=as_json)


@commands.command()
def check(as_json: AsJson = False) -> None:
    """
    Try the identity provider: its discovery document, its keys, its clock.

    The exit status is 1 if something fails. No database is needed.
    """
    findings = asyncio.run(provider_findings(settings_from_environment(), clock=utc_now))
    if not findings:
        raise Failure(
            "There is no identity provider. Set KEYDESK_OIDC_ISSUER, KEYDESK_OIDC_CLIENT_ID and "
            "KEYDESK_OIDC_CLIENT_SECRET."
        )
    form = [{"ok": each.is_ok, "detail": each.detail} for each in findings]
    rows = [("ok" if each.is_ok else "FAILED", each.detail) for each in findings]
    show(form, table(("", "FOUND"), rows, empty=""), as_json=as_json)
    if not all(each.is_ok for each in findings):
        note("The findings above say what to do.")
        raise typer.Exit(1)


@commands.command()
def allow(email: Email, as_json: AsJson = False) -> None:
    """
    Allow an existing account to be connected with the provider's account that has the same verified address.

    Accounts that `keydesk user create` makes are allowed already.
    """

    async def operation(workplace: Workplace) -> Person:
        async with workplace.database.transaction() as session:
            return await sso.allow_link(session, email=email)

    person = work(operation)
    show(_person(person), [f"{person.email} is connected at the next sign-in by the provider."], as_json=as_json)


@commands.command()
def unlink(email: Email, as_json: AsJson = False) -> None:
    """
    Disconnect an account from its identity at the provider, and end the person's sessions.

    Use it if the person has a new account at the provider, or the provider was replaced; then allow the new connection
    with `keydesk sso allow`.
    """

    async def operation(workplace: Workplace) -> Person:
        async with workplace.database.transaction() as session:
            return await sso.unlink(session, email=email)

    person = work(operation)
    show(_person(person), [f"{person.email} is not connected any more; their sessions have ended."], as_json=as_json)


def _person(person: Person) -> Form:
    return dict(person_form(NamedPerson(person.id, person.email, person.name)))


def _form(mapping: MappedGroup) -> Form:
    return {
        "organizationId": external_id(Prefix.ORGANIZATION, mapping.organization_id),
        "organizationName": mapping.organization_name,
        "group": mapping.group,
        "role": mapping.role.value,
        "agents": [{"id": external_id(Prefix.AGENT, agent.id), "name": agent.name} for agent in mapping.agents],
    }


def _words(mapping: MappedGroup) -> str:
    agents = f" of {_agents(mapping)}" if mapping.agents else ""
    return f"the group “{mapping.group}” to {mapping.role.value}{agents} in {mapping.organization_name}"


def _agents(mapping: MappedGroup) -> str:
    return ", ".join(agent.name for agent in mapping.agents)
