"""The evidence and steps that answers about people have in common."""

from assistant.explain import formatting as words
from assistant.explain.actions import contact
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.suggestions import Suggestion
from assistant.facts.facts import Facts
from assistant.language.text import Moment, Text, say, sentences
from models.invitation import InvitationRecord
from models.members import MemberRecord
from models.person import Role

LISTED_AT_MOST = 10


def your_role(facts: Facts) -> list[Fact]:
    """The person's role, and the agents that they administer."""
    found = [Fact(say("Your role"), words.role_in(facts.role, facts.organization))]
    if facts.manages_agents_only:
        found.append(Fact(say("Agents that you administer"), words.agents(facts.agents) or say("none")))
    return found


def admins(facts: Facts) -> Fact:
    """The organization's admins, whom everybody in it may see."""
    return Fact(say("Organization admins"), words.people(facts.admins, at_most=LISTED_AT_MOST) or say("none"))


def standing(member: MemberRecord) -> Text:
    """Such as *agent admin of “Crawler”, last signed in on 24 November 2026 at 14:03 UTC*."""
    at = member.last_signed_in_at
    last = say("has never signed in") if at is None else say("last signed in on {when}", when=Moment(at))
    if member.role is not Role.AGENT_ADMIN:
        return say("{role}, {last}", role=words.ROLES[member.role], last=last)
    if not member.agents:
        return say("agent admin of no agent, {last}", last=last)
    return say("agent admin of {agents}, {last}", agents=words.agents(member.agents), last=last)


def named(facts: Facts) -> list[Fact]:
    """The people whom the message names. Only organization admins get them."""
    return [Fact(words.who(each.person), standing(each)) for each in facts.people.named]


def invitation(facts: Facts, record: InvitationRecord) -> Text:
    """What became of an invitation, such as *as member, mailed on … , good until …*."""
    ends = say("expired on {when}", when=Moment(record.expires_at))
    if record.expires_at > facts.now:
        ends = say("good until {when}", when=Moment(record.expires_at))
    slots = {"role": words.ROLES[record.role], "mailed": mail_state(facts, record), "ends": ends}
    if record.agents:
        return say("as {role} of {agents}, {mailed}, {ends}", **slots, agents=words.agents(record.agents))
    return say("as {role}, {mailed}, {ends}", **slots)


def mail_state(facts: Facts, record: InvitationRecord) -> Text:
    """Whether the mail of the invitation was sent, waits, or failed."""
    if record.sent_at is not None:
        return say("mailed on {when}", when=Moment(record.sent_at))
    failure = None if record.failure is None else words.sanitize(record.failure, FAILURE_LENGTH_AT_MOST)
    if record.is_due and failure is None:
        return say("not mailed yet, waiting")
    if record.is_due and failure is not None:
        return say("not mailed yet: {failure}, is tried again", failure=failure)
    if failure is not None:
        return say("not mailed, given up: {failure}", failure=failure)
    return say("never mailed: its link was shown to the admin who invited")


FAILURE_LENGTH_AT_MOST = 160


def only_admins(facts: Facts, only: Text, whom_to_ask: Text, source: str, reply: Suggestion) -> Diagnosis:
    """The answer to people who are not organization admins. `only` says what only they can do."""
    return Diagnosis(
        Case.ROLE_NOT_ALLOWED,
        sentences(only, say("Your role is {role}.", role=words.ROLES[facts.role])),
        (*your_role(facts), admins(facts)),
        (whom_to_ask,),
        offers=(contact(),),
        replies=(reply,),
        sources=(source,),
    )
