"""The evidence and steps that answers about people have in common."""

from assistant.explain import formatting as words
from assistant.explain.actions import ask_an_admin, contact
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.suggestions import Suggestion
from assistant.facts.facts import Facts
from keys.policy import ROLE_WORDS
from models.invitation import InvitationRecord
from models.members import MemberRecord
from models.person import Role

LISTED_AT_MOST = 10


def your_role(facts: Facts) -> list[Fact]:
    """The person's role, and the agents that they administer."""
    found = [Fact("Your role", f"{ROLE_WORDS[facts.role]} of {words.sanitize(facts.organization.name)}")]
    if facts.manages_agents_only:
        found.append(Fact("Agents that you administer", words.agents(facts.agents) or "none"))
    return found


def admins(facts: Facts) -> Fact:
    """The organization's admins, whom everybody in it may see."""
    return Fact("Organization admins", words.people(facts.admins, at_most=LISTED_AT_MOST) or "none")


def standing(member: MemberRecord) -> str:
    """Such as *agent admin of “Crawler”, last signed in on 24 November 2026 at 14:03 UTC*."""
    agents = f" of {words.agents(member.agents) or 'no agent'}" if member.role is Role.AGENT_ADMIN else ""
    at = member.last_signed_in_at
    last = "has never signed in" if at is None else f"last signed in on {words.moment(at)}"
    return f"{ROLE_WORDS[member.role]}{agents}, {last}"


def named(facts: Facts) -> list[Fact]:
    """The people whom the message names. Only organization admins get them."""
    return [Fact(words.who(each.person), standing(each)) for each in facts.people.named]


def invitation(facts: Facts, record: InvitationRecord) -> str:
    """What became of an invitation, such as *as member, mailed on … , good until …*."""
    agents = f" of {words.agents(record.agents)}" if record.agents else ""
    ends = f"expired on {words.moment(record.expires_at)}"
    if record.expires_at > facts.now:
        ends = f"good until {words.moment(record.expires_at)}"
    return f"as {ROLE_WORDS[record.role]}{agents}, {mail_state(facts, record)}, {ends}"


def mail_state(facts: Facts, record: InvitationRecord) -> str:
    """Whether the mail of the invitation was sent, waits, or failed."""
    if record.sent_at is not None:
        return f"mailed on {words.moment(record.sent_at)}"
    failed = "" if record.failure is None else f": {words.sanitize(record.failure, FAILURE_LENGTH_AT_MOST)}"
    if record.is_due:
        return f"not mailed yet{failed or ', waiting'}" + (", is tried again" if failed else "")
    if failed:
        return f"not mailed, given up{failed}"
    return "never mailed: its link was shown to the admin who invited"


FAILURE_LENGTH_AT_MOST = 160


def only_admins(facts: Facts, what: str, wish: str, source: str, reply: Suggestion) -> Diagnosis:
    """The answer to people who are not organization admins. `what` completes *Only organization admins can …*."""
    return Diagnosis(
        Case.ROLE_NOT_ALLOWED,
        f"Only organization admins can {what}. Your role is {ROLE_WORDS[facts.role]}.",
        (*your_role(facts), admins(facts)),
        (ask_an_admin(facts, wish),),
        offers=(contact(),),
        replies=(reply,),
        sources=(source,),
    )
