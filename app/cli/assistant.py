"""The command `keydesk assistant report`: what the assistant found, and how often it helped."""

from collections.abc import Iterator
from typing import Annotated

import typer

from app import utc_now
from app.cli.forms import Form, instant_form, minute
from app.cli.terminal import AsJson, OrganizationOption, Workplace, show, table, work
from assistant.reply.plain_text import one_line, shortened
from models.engine.ids import Prefix, external_id
from models.organization import Organization
from models.support.conversation import KEPT_DAYS
from resolvers.operator import assistant_report
from resolvers.operator.assistant_report import Proof, Report
from resolvers.operator.lookup import named_organization

commands = typer.Typer(no_args_is_help=True, help="Reports on the assistant.")
SHOWN_CHARACTERS = 100


@commands.callback()
def _group() -> None:
    """With one command, Typer would do without its name."""


@commands.command()
def report(
    organization: OrganizationOption,
    days: Annotated[
        int,
        typer.Option(
            min=1, max=KEPT_DAYS, metavar="N", help="How many days to look back; conversations are kept 90 days."
        ),
    ] = 30,
    as_json: AsJson = False,
) -> None:
    """
    Show how often the assistant answered in an organization, and which answers helped.

    An answer counts as solved if the person rated it as helpful and its key was not refused in the following 24
    hours. Messages that were not understood are listed, redacted, so that phrases can be added.
    """

    async def operation(workplace: Workplace) -> tuple[Organization, Report]:
        async with workplace.database.reading() as session:
            found = await named_organization(session, organization)
            return found, await assistant_report.report(session, organization_id=found.id, days=days, now=utc_now())

    row, figures = work(operation)
    show(_form(row, figures, days), _lines(row, figures, days), as_json=as_json)


def _form(row: Organization, figures: Report, days: int) -> Form:
    return {
        "organizationId": external_id(Prefix.ORGANIZATION, row.id),
        "days": days,
        "since": instant_form(figures.since),
        "answers": figures.answers,
        "direct": figures.direct,
        "directShare": None if figures.direct_share is None else round(figures.direct_share, 4),
        "ratedUp": sum(each.rated_up for each in figures.cases),
        "ratedDown": sum(each.rated_down for each in figures.cases),
        "handOvers": figures.hand_overs,
        "solved": figures.proofs[Proof.SOLVED],
        "refusedAgain": figures.proofs[Proof.REFUSED_AGAIN],
        "tooEarlyToSay": figures.proofs[Proof.TOO_EARLY],
        "ratedUpWithoutKey": figures.proofs[Proof.WITHOUT_KEY],
        "cases": [
            {
                "case": each.diagnosis_case,
                "answers": each.answers,
                "direct": each.direct,
                "ratedUp": each.rated_up,
                "ratedDown": each.rated_down,
                "handOvers": each.handed_over,
            }
            for each in figures.cases
        ],
        "notUnderstood": [
            {
                "messageId": external_id(Prefix.MESSAGE, each.question_id),
                "at": instant_form(each.at),
                "text": each.text,
                "topic": each.topic,
                "language": each.language,
                "case": each.diagnosis_case,
            }
            for each in figures.not_understood
        ],
    }


def _lines(row: Organization, figures: Report, days: int) -> Iterator[str]:
    proofs = figures.proofs
    share = "" if figures.direct_share is None else f" ({figures.direct_share:.0%})"
    yield f"The assistant in “{row.name}”, the last {days} days:"
    yield f"  answers      {figures.answers}, of which direct {figures.direct}{share}"
    yield (
        f"  rated        {sum(each.rated_up for each in figures.cases)} up, "
        f"{sum(each.rated_down for each in figures.cases)} down"
    )
    yield (
        f"  solved       {proofs[Proof.SOLVED]}; rated up and refused again: {proofs[Proof.REFUSED_AGAIN]}, too early "
        f"to say: {proofs[Proof.TOO_EARLY]}, about no key: {proofs[Proof.WITHOUT_KEY]}"
    )
    yield f"  hand-overs   {figures.hand_overs}"
    yield ""
    yield from table(
        ("CASE", "ANSWERS", "DIRECT", "UP", "DOWN", "HAND-OVERS"),
        [
            (each.diagnosis_case, each.answers, each.direct, each.rated_up, each.rated_down, each.handed_over)
            for each in figures.cases
        ],
        empty="The assistant has not answered any message.",
    )
    yield ""
    yield from table(
        ("NOT UNDERSTOOD (UTC)", "TAKEN FOR", "LANGUAGE", "MESSAGE"),
        [
            (
                minute(each.at),
                each.topic or "–",
                each.language or "–",
                shortened(one_line(each.text), SHOWN_CHARACTERS),
            )
            for each in figures.not_understood
        ],
        empty="Every message was understood.",
    )
