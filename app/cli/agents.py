"""The commands `keydesk agent …`: create, list, rename and delete agents."""

import typer

from app import utc_now
from app.cli.forms import agent_form, ids_form, minute
from app.cli.terminal import (
    AgentArgument,
    AsJson,
    Name,
    OrganizationOption,
    Workplace,
    Yes,
    confirm,
    is_terminal,
    show,
    table,
    work,
)
from models.agent import Agent, live_agents
from models.engine.ids import Prefix, external_id
from models.key_queries import visible_keys
from resolvers.operator import agents as operator_agents
from resolvers.operator.agents import DeletedAgent
from resolvers.operator.lookup import named_agent, named_organization

commands = typer.Typer(no_args_is_help=True, help="Agents, which agent-level API keys are for.")


@commands.command()
def create(name: Name, organization: OrganizationOption, as_json: AsJson = False) -> None:
    """Create an agent in an organization."""

    async def operation(workplace: Workplace) -> Agent:
        async with workplace.database.transaction() as session:
            return await operator_agents.create_agent(
                session,
                organization_id=(await named_organization(session, organization)).id,
                name=name,
                now=utc_now(),
            )

    row = work(operation)
    show(agent_form(row), [f"Created {_words(row)}."], as_json=as_json)


@commands.command("list")
def list_(organization: OrganizationOption, as_json: AsJson = False) -> None:
    """Show an organization's agents, by name."""

    async def operation(workplace: Workplace) -> list[Agent]:
        async with workplace.database.reading() as session:
            return await live_agents(session, (await named_organization(session, organization)).id)

    rows = work(operation)
    lines = table(
        ("ID", "NAME", "CREATED (UTC)"),
        [(external_id(Prefix.AGENT, row.id), row.name, minute(row.created_at)) for row in rows],
        empty="This organization has no agent yet. Create one: keydesk agent create NAME --organization ORG",
    )
    show([agent_form(row) for row in rows], lines, as_json=as_json)


@commands.command()
def rename(agent: AgentArgument, name: Name, as_json: AsJson = False) -> None:
    """Rename an agent."""

    async def operation(workplace: Workplace) -> Agent:
        async with workplace.database.transaction() as session:
            found = await named_agent(session, agent)
            return await operator_agents.rename_agent(session, agent_id=found.id, name=name, now=utc_now())

    row = work(operation)
    show(agent_form(row), [f"Renamed {_words(row)}."], as_json=as_json)


@commands.command()
def delete(agent: AgentArgument, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete an agent with its API keys. Requests with these keys are refused at once. On a terminal, asks first."""
    if is_terminal() and not yes:
        found, keys = work(lambda workplace: _with_keys(workplace, agent))
        agent = external_id(Prefix.AGENT, found.id)
        confirm(
            f"Delete {_words(found)}? Its API keys ({keys}) are deleted too, and their requests are refused at once."
        )

    async def operation(workplace: Workplace) -> DeletedAgent:
        async with workplace.database.transaction() as session:
            found = await named_agent(session, agent)
            return await operator_agents.delete_agent(session, agent_id=found.id, now=utc_now())

    deleted = work(operation)
    form = {**agent_form(deleted.agent), "deletedKeys": ids_form(Prefix.API_KEY, deleted.key_ids)}
    gone = f"API keys deleted with it: {len(deleted.key_ids)}"
    show(form, [f"Deleted {_words(deleted.agent)} ({gone})."], as_json=as_json)


async def _with_keys(workplace: Workplace, agent: str) -> tuple[Agent, int]:
    async with workplace.database.reading() as session:
        found = await named_agent(session, agent)
        return found, len(await visible_keys(session, found.organization_id, of_agents=[found.id]))


def _words(row: Agent) -> str:
    return f"{external_id(Prefix.AGENT, row.id)} “{row.name}”"
