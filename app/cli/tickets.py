"""The commands `keydesk ticket …`: list, show and resend tickets."""

from typing import Annotated

import typer

from app import utc_now
from app.cli.forms import Form, instant_form, minute, person_form
from app.cli.terminal import AsJson, Workplace, show, table, work
from app.cli_errors import Failure
from app.mail.outbox import Outbox
from app.mail.tickets import TicketMails
from assistant.reply.plain_text import one_line, shortened
from models.engine.ids import Prefix, external_id, parse_external_id
from models.support.ticket import ListedTicket, TicketRecord, newest_tickets, send_ticket_to
from resolvers.operator.lookup import Declined

commands = typer.Typer(no_args_is_help=True, help="Tickets: conversations that were handed over to support.")
SHOWN_CHARACTERS = 60
LISTED = 100
TicketArgument = Annotated[str, typer.Argument(metavar="TICKET", help="The ticket's id, such as tkt_….")]


@commands.command("list")
def list_(
    unsent: Annotated[bool, typer.Option("--unsent", help="Only tickets that were not sent.")] = False,
    last: Annotated[int, typer.Option(min=1, metavar="N", help="How many of the newest tickets to show.")] = LISTED,
    as_json: AsJson = False,
) -> None:
    """Show the tickets, newest first. With --json, each includes its whole text."""

    async def operation(workplace: Workplace) -> list[ListedTicket]:
        async with workplace.database.reading() as session:
            return await newest_tickets(session, last=last, only_unsent=unsent)

    rows = work(operation)
    lines = table(
        ("ID", "WRITTEN (UTC)", "MAIL", "ABOUT"),
        [
            (
                external_id(Prefix.TICKET, row.ticket.id),
                minute(row.ticket.created_at),
                _state(row.ticket),
                shortened(one_line(row.subject), SHOWN_CHARACTERS),
            )
            for row in rows
        ],
        empty="All tickets were sent." if unsent else "There are no tickets yet.",
    )
    show([_ticket_form(row) for row in rows], lines, as_json=as_json)


@commands.command("show")
def show_(ticket: TicketArgument, as_json: AsJson = False) -> None:
    """Show the whole text of a ticket, as it is mailed."""
    row = work(lambda workplace: _listed(workplace, ticket))
    lines = [
        f"Subject: {one_line(row.subject)}",
        f"Mail: {_state(row.ticket)}",
        *([] if row.ticket.failure is None else [f"Last failure: {row.ticket.failure}"]),
        "",
        row.body.rstrip(),
    ]
    show(_ticket_form(row), lines, as_json=as_json)


@commands.command()
def resend(ticket: TicketArgument, as_json: AsJson = False) -> None:
    """Mail a ticket to KEYDESK_SUPPORT_EMAIL now, whether or not it was sent before."""

    async def operation(workplace: Workplace) -> tuple[ListedTicket, str | None]:
        address, server = workplace.settings.support_email, workplace.settings.mail_server
        if address is None or server is None:
            missing = "KEYDESK_SUPPORT_EMAIL" if address is None else "KEYDESK_SMTP_URL"
            raise Failure(
                f"{missing} is not set. Set it to the server's value. To read the ticket: keydesk ticket show"
            )
        found = await _listed(workplace, ticket)
        async with workplace.database.transaction() as session:
            await send_ticket_to(session, found.ticket.id, address)
        kind = TicketMails()
        failure = await Outbox(workplace.database, server, [kind], clock=utc_now).resend(kind, found.ticket.id)
        return await _listed(workplace, ticket), failure

    row, failure = work(operation)
    if failure is not None:
        again = minute(row.ticket.next_attempt_at)
        raise Failure(f"The ticket could not be mailed: {failure}. The server tries again after {again} (UTC).")
    show(
        _ticket_form(row),
        [f"Mailed {external_id(Prefix.TICKET, row.ticket.id)} to {row.ticket.sent_to}."],
        as_json=as_json,
    )


async def _listed(workplace: Workplace, text: str) -> ListedTicket:
    """The ticket with this id. Raises Declined if there is none."""
    ticket_id = parse_external_id(Prefix.TICKET, text)
    async with workplace.database.reading() as session:
        found = [] if ticket_id is None else await newest_tickets(session, last=1, ticket_id=ticket_id)
    if not found:
        raise Declined("This ticket does not exist. List all tickets: keydesk ticket list")
    return found[0]


def _ticket_form(row: ListedTicket) -> Form:
    ticket = row.ticket
    return {
        "id": external_id(Prefix.TICKET, ticket.id),
        "createdAt": instant_form(ticket.created_at),
        "organizationId": external_id(Prefix.ORGANIZATION, ticket.organization_id),
        "organization": row.organization,
        "person": person_form(row.person),
        "conversationId": None
        if ticket.conversation_id is None
        else external_id(Prefix.CONVERSATION, ticket.conversation_id),
        "subject": row.subject,
        "body": row.body,
        "sentTo": ticket.sent_to,
        "sentAt": instant_form(ticket.sent_at),
        "attempts": ticket.attempts,
        "nextAttemptAt": instant_form(ticket.next_attempt_at),
        "failure": ticket.failure,
    }


def _state(ticket: TicketRecord) -> str:
    """The state of the ticket's mail, in a few words."""
    if ticket.sent_at is not None:
        return f"sent {minute(ticket.sent_at)}"
    if ticket.sent_to is None:
        return "no address was set"
    if ticket.next_attempt_at is None:
        return f"given up after {ticket.attempts} attempts"
    if ticket.failure is None:
        return "waiting" if ticket.attempts == 0 else "being sent"
    times = "1 time" if ticket.attempts == 1 else f"{ticket.attempts} times"
    return f"failed {times}, next {minute(ticket.next_attempt_at)}"
