"""The commands `keydesk user …`: add people to organizations, change and remove them, and set passwords."""

import sys
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from app import utc_now
from app.cli.forms import instant_form, member_form, minute, person_form
from app.cli.terminal import (
    AsJson,
    Email,
    OrganizationOption,
    Workplace,
    checked_name,
    note,
    show,
    table,
    work,
)
from app.cli_errors import Failure
from app.demo.people import has_public_password, is_password
from keys.hashing import PASSWORD_PARAMETERS
from keys.refusals import InvalidInput
from keys.sign_in.passwords import (
    BYTES_AT_MOST,
    PasswordOwner,
    new_one_time_password,
    one_time_expires_at,
    valid_password,
)
from keys.token import Secret
from models.engine.ids import Prefix, external_id
from models.person import NamedPerson, Person, Role
from resolvers.operator import people as operator_people
from resolvers.operator.lookup import named_agent, named_organization
from resolvers.operator.people import AddedMember, Member, NewPassword

commands = typer.Typer(no_args_is_help=True, help="People who sign in, and their roles.")

PasswordOnInput = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password, one line, from standard input.")
]
Agents = Annotated[
    list[str] | None,
    typer.Option(
        "--agent", metavar="AGT", help="An agent that an agent admin administers; repeat the option for several."
    ),
]
_AGENTS_ARE_FOR_AGENT_ADMINS = f"--agent is only for --role {Role.AGENT_ADMIN}."


class PasswordMaker:
    """Makes a new password when it is called, and remembers a one-time password so that it can be printed."""

    def __init__(self, *, from_input: bool) -> None:
        self._from_input = from_input
        self.one_time: Secret | None = None
        self.expires_at: datetime | None = None

    def __call__(self, owner: PasswordOwner) -> NewPassword:
        """Returns the password from standard input, or a one-time password. Raises Failure if it can't be used."""
        if self._from_input:
            return NewPassword(_hashed(_read_password(owner)))
        self.one_time, self.expires_at = new_one_time_password(), one_time_expires_at(utc_now())
        return NewPassword(_hashed(self.one_time), self.expires_at)

    def form(self) -> dict[str, str | None]:
        """The one-time password and when it expires, for JSON; empty if the password was given."""
        if self.one_time is None:
            return {}
        return {"oneTimePassword": self.one_time.reveal(), "oneTimePasswordExpiresAt": instant_form(self.expires_at)}

    def lines(self) -> list[str]:
        """The one-time password in lines for people; none if the password was given."""
        if self.one_time is None:
            return []
        return [
            f"One-time password, to be changed at the first sign-in, valid until {minute(self.expires_at)} UTC:",
            "",
            f"    {self.one_time.reveal()}",
        ]


@commands.command()
def create(
    email: Email,
    name: Annotated[str, typer.Option(callback=checked_name, metavar="NAME", help="The person's name.")],
    organization: OrganizationOption,
    role: Annotated[Role, typer.Option(help="The person's role in the organization.")],
    agent: Agents = None,
    password_stdin: PasswordOnInput = False,
    as_json: AsJson = False,
) -> None:
    """Add a person to an organization. A person who already exists keeps name and password."""
    if agent and role is not Role.AGENT_ADMIN:
        raise typer.BadParameter(_AGENTS_ARE_FOR_AGENT_ADMINS)
    maker = PasswordMaker(from_input=password_stdin)

    async def operation(workplace: Workplace) -> tuple[AddedMember, UUID]:
        async with workplace.database.reading() as session:
            organization_id = (await named_organization(session, organization)).id
            agent_ids = await _agent_ids(session, agent or (), organization_id)
        added = await operator_people.add_member(
            workplace.database,
            email=email,
            name=name,
            organization_id=organization_id,
            role=role,
            agent_ids=agent_ids,
            new_password=maker,
            is_public=partial(has_public_password, PASSWORD_PARAMETERS.hasher()),
            now=utc_now(),
        )
        return added, organization_id

    added, organization_id = work(operation)
    shown = maker if added.has_new_password else PasswordMaker(from_input=False)
    if not added.is_new:
        note(_known_words(added))
    form = {**member_form(added.member, organization_id), "isNew": added.is_new, **shown.form()}
    show(form, [f"Added {_words(added.member)}.", *shown.lines()], as_json=as_json)


@commands.command()
def update(
    email: Email,
    organization: OrganizationOption,
    role: Annotated[Role | None, typer.Option(help="Another role.")] = None,
    agent: Agents = None,
    as_json: AsJson = False,
) -> None:
    """
    Change a person's role in an organization; --agent replaces the agents.

    The change takes effect with the person's next request.
    """
    if role is None and not agent:
        raise typer.BadParameter("say what to change: --role or --agent.")
    if agent and role not in (None, Role.AGENT_ADMIN):
        raise typer.BadParameter(_AGENTS_ARE_FOR_AGENT_ADMINS)

    async def operation(workplace: Workplace) -> tuple[Member, UUID]:
        async with workplace.database.transaction() as session:
            organization_id = (await named_organization(session, organization)).id
            changed = await operator_people.change_member(
                session,
                email=email,
                organization_id=organization_id,
                role=role,
                agent_ids=await _agent_ids(session, agent, organization_id) if agent else None,
                now=utc_now(),
            )
        return changed, organization_id

    member, organization_id = work(operation)
    show(member_form(member, organization_id), [f"Changed {_words(member)}."], as_json=as_json)


@commands.command("list")
def list_(organization: OrganizationOption, as_json: AsJson = False) -> None:
    """Show the people of an organization, by name."""

    async def operation(workplace: Workplace) -> tuple[list[Member], UUID]:
        async with workplace.database.reading() as session:
            organization_id = (await named_organization(session, organization)).id
            return await operator_people.members(session, organization_id=organization_id), organization_id

    members, organization_id = work(operation)
    lines = table(
        ("ID", "EMAIL", "NAME", "ROLE", "AGENTS"),
        [
            (
                external_id(Prefix.PERSON, member.person.id),
                member.person.email,
                member.person.name,
                member.role.value,
                ", ".join(agent.name for agent in member.agents),
            )
            for member in members
        ],
        empty="This organization has no people yet. Add somebody: keydesk user create EMAIL --organization ORG …",
    )
    show([member_form(member, organization_id) for member in members], lines, as_json=as_json)


@commands.command()
def remove(email: Email, organization: OrganizationOption, as_json: AsJson = False) -> None:
    """
    Remove a person from an organization and end their sessions.

    API keys that the person created continue to work.
    """

    async def operation(workplace: Workplace) -> tuple[Person, UUID]:
        async with workplace.database.transaction() as session:
            organization_id = (await named_organization(session, organization)).id
            person = await operator_people.remove_member(
                session, email=email, organization_id=organization_id, now=utc_now()
            )
        return person, organization_id

    person, organization_id = work(operation)
    form = {**_person_form(person), "organizationId": external_id(Prefix.ORGANIZATION, organization_id)}
    show(form, [f"Removed {person.email} from the organization, and ended their sessions."], as_json=as_json)


@commands.command()
def password(email: Email, password_stdin: PasswordOnInput = False, as_json: AsJson = False) -> None:
    """
    Set a new password for a person and end their sessions.

    The password is one-time unless it is read from standard input.
    """
    maker = PasswordMaker(from_input=password_stdin)

    async def operation(workplace: Workplace) -> Person:
        return await operator_people.set_password(workplace.database, email=email, new_password=maker)

    person = work(operation)
    lines = [f"{person.email} has a new password; their sessions have ended.", *maker.lines()]
    show({**_person_form(person), **maker.form()}, lines, as_json=as_json)


async def _agent_ids(session: AsyncSession, agents: Sequence[str], organization_id: UUID) -> list[UUID]:
    return [(await named_agent(session, text, organization_id=organization_id)).id for text in agents]


def _known_words(added: AddedMember) -> str:
    email = added.member.person.email
    if added.has_new_password:
        return f"{email} had the demo's password, which is public. It was replaced; their sessions have ended."
    if added.member.person.password_hash is None:
        return f"{email} already exists, and has no password. To set one: keydesk user password {email}"
    return f"{email} already exists: name and password are unchanged."


def _read_password(owner: PasswordOwner) -> Secret:
    """Reads a password from the first line of standard input. Raises Failure if it can't be used."""
    line = sys.stdin.buffer.readline(4 * BYTES_AT_MOST)
    try:
        password = valid_password(line.decode().rstrip("\r\n"), words=owner.words, field="password")
    except UnicodeDecodeError:
        raise Failure("The password on standard input is not UTF-8.") from None
    except InvalidInput as refusal:
        raise Failure(f"The password on standard input can't be used. {refusal.message}") from None
    if is_password(PASSWORD_PARAMETERS.hasher(), owner.current_hash, password):
        raise Failure("The password on standard input is the person's current password. Choose another.")
    return Secret(password)


def _hashed(password: Secret) -> str:
    return PASSWORD_PARAMETERS.hasher().hash(password.reveal())


def _person_form(person: Person) -> dict[str, str]:
    return person_form(NamedPerson(person.id, person.email, person.name))


def _words(member: Member) -> str:
    person = member.person
    agents = ", ".join(f"“{agent.name}”" for agent in member.agents)
    of_agents = f" of {agents}" if agents else ""
    return f"{external_id(Prefix.PERSON, person.id)} {person.name} ({person.email}), {member.role}{of_agents}"
