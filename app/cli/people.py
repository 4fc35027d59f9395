"""The commands `keydesk user …`: add people to organizations, change and remove them, and set passwords."""

import shlex
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
    PasswordUse,
    new_one_time_password,
    one_time_expires_at,
    valid_password,
)
from keys.token import Secret
from models.engine.ids import Prefix, external_id
from models.person import NamedPerson, Person, Role
from resolvers.operator import people as operator_people
from resolvers.operator import sso
from resolvers.operator.external_ids import set_external_id
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
AGENTS_ARE_FOR_AGENT_ADMINS = f"--agent is only for --role {Role.AGENT_ADMIN}."


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
        raise typer.BadParameter(AGENTS_ARE_FOR_AGENT_ADMINS)
    maker = PasswordMaker(from_input=password_stdin)

    async def operation(workplace: Workplace) -> tuple[AddedMember, UUID]:
        if workplace.settings.passwords is not PasswordUse.EVERYBODY:
            note(f"KEYDESK_PASSWORDS is {workplace.settings.passwords}: people sign in by the identity provider.")
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
    _note_former_id(added.member.person.email, added.former_external_id)
    form = {**member_form(added.member, organization_id), "isNew": added.is_new, **shown.form()}
    show(form, [f"Added {_words(added.member)}.", *shown.lines()], as_json=as_json)


@commands.command()
def update(
    email: Email,
    organization: Annotated[
        str | None,
        typer.Option(
            "--organization", metavar="ORG", help="The organization in which the role or the agents change: id or name."
        ),
    ] = None,
    role: Annotated[Role | None, typer.Option(help="Another role.")] = None,
    agent: Agents = None,
    break_glass: Annotated[
        bool | None,
        typer.Option(
            "--break-glass/--no-break-glass",
            help="Whether the person may use a password with KEYDESK_PASSWORDS=break-glass.",
            show_default=False,
        ),
    ] = None,
    external_id: Annotated[
        str | None,
        typer.Option(
            "--external-id",
            metavar="ID",
            help="Connect the account with your product, which knows the person by this id and may sign them in.",
        ),
    ] = None,
    no_external_id: Annotated[
        bool, typer.Option("--no-external-id", help="End the connection with your product.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Change a person's role in an organization; --agent replaces the agents. Or mark who may use a password, or connect
    an account with your product.

    The change takes effect with the person's next request.
    """
    if external_id is not None or no_external_id:
        if break_glass is not None or organization is not None or role is not None or agent:
            raise typer.BadParameter("--external-id is for the person, not an organization: give it without others.")
        if external_id is not None and no_external_id:
            raise typer.BadParameter("give --external-id or --no-external-id, not both.")
        _connect(email, external_id, as_json=as_json)
        return
    if break_glass is not None and (organization is not None or role is not None or agent):
        raise typer.BadParameter("--break-glass is for the person, not for an organization: give it without others.")
    if break_glass is not None:
        _mark_break_glass(email, break_glass, as_json=as_json)
        return
    if role is None and not agent:
        raise typer.BadParameter("say what to change: --role or --agent, --break-glass, or --external-id.")
    if organization is None:
        raise typer.BadParameter("say in which organization: --organization ORG.")
    if agent and role not in (None, Role.AGENT_ADMIN):
        raise typer.BadParameter(AGENTS_ARE_FOR_AGENT_ADMINS)

    async def operation(workplace: Workplace) -> tuple[Member, UUID]:
        async with workplace.database.transaction() as session:
            organization_id = (await named_organization(session, organization or "")).id
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


def _connect(email: str, host_id: str | None, *, as_json: bool) -> None:
    async def operation(workplace: Workplace) -> Person:
        async with workplace.database.transaction() as session:
            return await set_external_id(session, email=email, external_id=host_id, now=utc_now())

    person = work(operation)
    if host_id is None:
        line = f"{person.email} has no external id now. Your product's links for them, and their sessions, ended."
    else:
        line = (
            f"{person.email} has the external id {host_id} now: your product's programs can change the person's name "
            "and roles, and sign them in. The address stays."
        )
    show({**_person_form(person), "externalId": person.external_id}, [line], as_json=as_json)


def _mark_break_glass(email: str, is_break_glass: bool, *, as_json: bool) -> None:
    async def operation(workplace: Workplace) -> tuple[Person, PasswordUse]:
        async with workplace.database.transaction() as session:
            person = await sso.set_break_glass(session, email=email, is_break_glass=is_break_glass)
        return person, workplace.settings.passwords

    person, passwords = work(operation)
    may = "may" if is_break_glass else "may not"
    lines = [f"{person.email} {may} use a password with KEYDESK_PASSWORDS=break-glass. It is {passwords} now."]
    if is_break_glass and (person.password_hash is None or person.password_is_one_time):
        had = "no password yet" if person.password_hash is None else "only a one-time password, which ends"
        lines.append(f"They have {had}. To set a lasting one: keydesk user password {person.email} --password-stdin")
    show({**_person_form(person), "breakGlass": person.is_break_glass}, lines, as_json=as_json)


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

    async def operation(workplace: Workplace) -> tuple[Person, str | None]:
        return await operator_people.set_password(workplace.database, email=email, new_password=maker, now=utc_now())

    person, former = work(operation)
    _note_former_id(person.email, former)
    lines = [f"{person.email} has a new password; their sessions have ended.", *maker.lines()]
    show({**_person_form(person), **maker.form()}, lines, as_json=as_json)


async def _agent_ids(session: AsyncSession, agents: Sequence[str], organization_id: UUID) -> list[UUID]:
    return [(await named_agent(session, text, organization_id=organization_id)).id for text in agents]


def _known_words(added: AddedMember) -> str:
    email = added.member.person.email
    if added.has_new_password:
        return f"{email} had a password that others may know. It was replaced; their sessions have ended."
    if added.member.person.password_hash is None:
        return f"{email} already exists, and has no password. To set one: keydesk user password {email}"
    return f"{email} already exists: name and password are unchanged."


def _note_former_id(email: str, former: str | None) -> None:
    if former is not None:
        note(
            f"The host product had made this account, and nobody had shown whose address {email} is. Its external id "
            f"{shlex.quote(former)} no longer leads to the account. If it is the same person: keydesk user update "
            f"{email} --external-id {shlex.quote(former)}"
        )


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
