"""Writes a ticket's text for the help desk, and the confirmation for the person."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from assistant.explain import formatting as words
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.language.render import render
from assistant.language.text import Moment, Words, say
from assistant.reply.plain_text import one_line, plain, shortened
from assistant.reply.render import escaped, to_stored
from assistant.reply.stored_answer import StoredAnswer
from keys.policy import ROLE_WORDS
from models.engine.ids import Prefix, external_id
from models.person import NamedPerson, OrganizationRecord, Role
from models.support.message import Author
from models.support.ticket import SUBJECT_LENGTH_AT_MOST

MESSAGES_AT_MOST = 50


@dataclass(frozen=True, slots=True)
class Turn:
    """A message of the conversation as the person sees it. `answer` is set for the assistant's answers."""

    author: Author
    at: datetime
    text: str
    answer: StoredAnswer | None = None


@dataclass(frozen=True, slots=True)
class HandOver:
    """The content of a ticket. It contains only what the person may see. The note and the turns are redacted."""

    ticket_id: UUID
    at: datetime
    person: NamedPerson
    organization: OrganizationRecord
    role: Role
    note: str | None = None
    conversation_id: UUID | None = None
    title: str | None = None
    turns: Sequence[Turn] = ()
    """The last messages of the conversation, oldest first."""
    is_cut: bool = False
    """Whether earlier messages were left out."""


def subject(hand_over: HandOver) -> str:
    """The subject of the mail: the person, and what it is about."""
    about = hand_over.title or hand_over.note or "asks for a person"
    text = f"{hand_over.person.name}, {hand_over.organization.name}: {about}"
    return shortened(one_line(text), SUBJECT_LENGTH_AT_MOST)


def body(hand_over: HandOver) -> str:
    """
    The complete ticket in plain text.

    Each line that people wrote is quoted, so that it can't be mistaken for a part of the ticket itself.
    """
    sections = [_who(hand_over)]
    if hand_over.note:
        sections.append(_section("Note", _quoted(hand_over.note)))
    if found := [line for turn in hand_over.turns for line in _found(turn)]:
        sections.append(_section("What the assistant found", found))
    if hand_over.turns:
        title = f"Conversation, the last {len(hand_over.turns)} messages" if hand_over.is_cut else "Conversation"
        sections.append(_section(title, [line for turn in hand_over.turns for line in _said(turn, hand_over.person)]))
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def handed_over(
    ticket_id: UUID,
    at: datetime,
    person: NamedPerson,
    *,
    support_email: str | None,
    sends_mail: bool,
    admins: Sequence[NamedPerson],
    language: str,
) -> StoredAnswer:
    """
    The confirmation for the person, in the language of an answer to a question in `language`.

    `admins` are those of their organization, whom everybody in it may see.
    """
    evidence: tuple[Fact, ...] = (Fact(say("Ticket"), external_id(Prefix.TICKET, ticket_id), at),)
    quiet = say("I don't answer this again unless you ask something new.")
    steps: tuple[Words, ...]
    if support_email is None:
        others = [admin for admin in admins if admin.id != person.id]
        summary = say(
            "Your request is kept for the operator of this server. No support address is set up, so no e-mail is sent."
        )
        steps = (_asked_in_the_meantime(others), quiet)
    else:
        evidence = (*evidence, Fact(say("Goes to"), support_email))
        answer = say(
            "The answer comes by e-mail to {address}. They have this conversation as you see it here.",
            address=person.email,
        )
        if sends_mail:
            summary = say("A person has your request now.")
            steps = (answer, quiet)
        else:
            summary = say(
                "Your request is kept for {address}, and is sent as soon as a mail server is set up here.",
                address=support_email,
            )
            urgent = say("If it is urgent, write to {address} yourself.", address=support_email)
            steps = (urgent, answer, quiet)
    return to_stored(Diagnosis(Case.HUMAN_REQUESTED, summary, evidence, steps), language, str)


def _asked_in_the_meantime(others: Sequence[NamedPerson]) -> Words:
    if others:
        return say("In the meantime you can ask {people}.", people=words.people(others))
    return say("There is no other admin in your organization. The operator of this server can tell you more.")


def as_text(answer: StoredAnswer) -> str:
    """The answer as a message in CommonMark."""
    return "\n\n".join(map(escaped, (answer.summary, *answer.steps)))


def _who(hand_over: HandOver) -> list[str]:
    person, organization = hand_over.person, hand_over.organization
    lines = [
        ("From", f"{person.name} <{person.email}>, {external_id(Prefix.PERSON, person.id)}"),
        ("Organization", f"{organization.name}, {external_id(Prefix.ORGANIZATION, organization.id)}"),
        ("Role", ROLE_WORDS[hand_over.role]),
        ("When", render(Moment(hand_over.at))),
        ("Ticket", external_id(Prefix.TICKET, hand_over.ticket_id)),
    ]
    if hand_over.conversation_id is not None:
        lines.append(("Conversation", external_id(Prefix.CONVERSATION, hand_over.conversation_id)))
    return [f"{label + ':':<14} {one_line(value)}" for label, value in lines]


def _found(turn: Turn) -> Iterator[str]:
    answer = turn.answer
    if answer is None or answer.case is Case.HUMAN_REQUESTED:
        return
    told = answer.for_support or answer
    yield f"* {answer.case.value}, {render(Moment(turn.at))}: {one_line(told.summary)}"
    for fact in told.evidence:
        when = "" if fact.at is None else f", {render(Moment(fact.at))}"
        yield f"  - {one_line(fact.label)}: {one_line(fact.value)}{when}"
    if answer.key_id is not None:
        yield f"  - API key: {external_id(Prefix.API_KEY, answer.key_id)}"


def _said(turn: Turn, person: NamedPerson) -> Iterator[str]:
    author = one_line(person.name) if turn.author is Author.PERSON else "Assistant"
    yield f"{author}, {render(Moment(turn.at))}"
    yield from _quoted(turn.text)
    yield ""


def _section(title: str, lines: Sequence[str]) -> list[str]:
    while lines and not lines[-1]:
        lines = lines[:-1]
    return [title, "-" * len(title), *lines]


def _quoted(text: str) -> list[str]:
    return [f"> {line}".rstrip() for line in plain(text).strip().split("\n")]
