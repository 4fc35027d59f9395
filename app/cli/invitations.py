"""The command `keydesk user invite`."""

from datetime import timedelta
from typing import Annotated

import typer

from app import utc_now
from app.cli.forms import instant_form, minute
from app.cli.people import AGENTS_ARE_FOR_AGENT_ADMINS, Agents, commands
from app.cli.terminal import AsJson, Email, OrganizationOption, Workplace, show, work
from app.cli_errors import Failure
from app.startup_checks import require_own_server_key
from keys.policy import OPERATOR
from keys.sign_in.links import Links
from models.engine.ids import Prefix, external_id
from models.person import Role
from resolvers.invitations import AlreadyMember, Issued
from resolvers.invitations import invite as send_invitation
from resolvers.operator.lookup import Declined, named_agent, named_organization
from resolvers.services import PeopleServices


@commands.command()
def invite(
    email: Email,
    organization: OrganizationOption,
    role: Annotated[Role, typer.Option(help="The person's role in the organization.")],
    agent: Agents = None,
    as_json: AsJson = False,
) -> None:
    """
    Invite a person to an organization, by mail if a mail server is set up; else the link is printed, to be passed on.

    An earlier invitation of the same address is replaced.
    """
    if agent and role is not Role.AGENT_ADMIN:
        raise typer.BadParameter(AGENTS_ARE_FOR_AGENT_ADMINS)

    async def operation(workplace: Workplace) -> Issued:
        services = _services(workplace)
        if services.sends_mail:
            # The server makes the link that it mails.
            await require_own_server_key(workplace.database, workplace.server_keys())
        async with workplace.database.reading() as session:
            organization_id = (await named_organization(session, organization)).id
            agent_ids = [(await named_agent(session, text, organization_id=organization_id)).id for text in agent or ()]
        try:
            return await send_invitation(
                services, OPERATOR, organization_id=organization_id, email=email, role=role, agent_ids=agent_ids
            )
        except AlreadyMember as refusal:
            raise Declined(
                f"{refusal.member.person.email} is in this organization already. To change their role: "
                "keydesk user update"
            ) from None

    issued = work(operation)
    shown, link = issued.invitation, None if issued.link is None else issued.link.reveal()
    form = {
        "id": external_id(Prefix.INVITATION, shown.id),
        "email": shown.email,
        "organizationId": external_id(Prefix.ORGANIZATION, shown.organization_id),
        "role": shown.role.value,
        "agentIds": [external_id(Prefix.AGENT, each.id) for each in shown.agents],
        "expiresAt": instant_form(shown.expires_at),
        "link": link,
    }
    until = f"valid until {minute(shown.expires_at)} UTC"
    how = (
        [f"Invited {shown.email}. The server mails the link, {until}."]
        if link is None
        else [f"Invited {shown.email}. Pass on this link, which works once and is {until}:", "", f"    {link}"]
    )
    show(form, how, as_json=as_json)


def _services(workplace: Workplace) -> PeopleServices:
    """What an invitation works with. The link must lead to the server, so its address must be set. Raises Failure."""
    settings = workplace.settings
    if settings.public_url is None:
        raise Failure(
            "KEYDESK_PUBLIC_URL is not set, and the link must lead to the server. Set it to the server's address, such "
            "as https://keys.example."
        )
    return PeopleServices(
        workplace.database,
        utc_now,
        Links(workplace.server_keys(), settings.public_url),
        sends_mail=settings.mail_sender is not None,
        # The server looks for new mails by itself.
        wake_outbox=lambda: None,
        invitation_lifetime=timedelta(hours=settings.invitation_hours),
    )
