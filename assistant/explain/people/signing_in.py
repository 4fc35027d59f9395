"""Answers to people who can't sign in, or whose colleague can't: forgotten passwords, locked accounts."""

from assistant.explain import doc_links as sources
from assistant.explain.actions import contact, open_people
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.people.shown import invitation, named
from assistant.explain.suggestions import suggest
from assistant.facts.facts import Facts
from assistant.intents.topics import Topic
from assistant.language.text import Moment, Text, say
from keys.sign_in.throttle import WINDOW
from models.password_reset import ResetRecord

LOCKED_MINUTES = int(WINDOW.total_seconds() // 60)


def sign_in(facts: Facts) -> Diagnosis:
    """How somebody gets in again."""
    evidence = [Fact(say("You sign in with"), facts.viewer.email), mails(facts), *resets(facts)]
    if facts.manages_people:
        addresses = {each.person.email for each in facts.people.named}
        evidence += named(facts)
        evidence += [
            Fact(say("Invited: {address}", address=each.email), invitation(facts, each))
            for each in facts.people.invitations[:3]
            if each.email not in addresses
        ]
    if facts.people.mails_people:
        forgotten = say(
            "Forgotten password: choose Forgotten password? where you sign in. If the address has an "
            "account, a mail with a link comes; the link is good for an hour."
        )
    else:
        forgotten = say(
            "Forgotten password: no mail server is set up here. The operator of this installation "
            "makes a one-time password with keydesk user password."
        )
    return Diagnosis(
        Case.HOW_TO,
        say("Everybody can replace a forgotten password themselves; no admin can see or set it.")
        if facts.people.mails_people
        else say(
            "No admin can see or set a password. Only the operator of this installation can replace a forgotten one."
        ),
        tuple(evidence),
        (
            forgotten,
            say(
                "Too many wrong passwords: wait {locked_minutes} minutes, then try again. The operator can unlock it.",
                locked_minutes=LOCKED_MINUTES,
            ),
            say("Somebody who was invited has no account before they accept the invitation with the link in it."),
            say("To change your password, choose Change password behind the user icon at the top right."),
        ),
        offers=(open_people(), contact()) if facts.manages_people else (contact(),),
        replies=(suggest(Topic.MAIL_MISSING, say("The mail did not arrive")),),
        sources=(sources.SIGNING_IN,),
    )


def mails(facts: Facts) -> Fact:
    """Whether mails to people are sent here at all."""
    return Fact(
        say("Mails to people"),
        say("are sent") if facts.people.mails_people else say("are not sent: no mail server is set up"),
    )


def resets(facts: Facts) -> list[Fact]:
    """The mails for the person's own forgotten password in the last day."""
    found = [Fact(say("Link for your password"), _reset(each), each.created_at) for each in facts.people.resets]
    return found or [Fact(say("Links for your password in the last day"), say("none asked for"), facts.now)]


def _reset(record: ResetRecord) -> Text:
    asked = Moment(record.created_at)
    if record.used_at is not None:
        return say("asked for on {when}, no longer valid", when=asked)
    if record.sent_at is not None:
        return say("asked for on {when}, mailed on {mailed}", when=asked, mailed=Moment(record.sent_at))
    if record.next_attempt_at is not None:
        return say("asked for on {when}, not mailed yet", when=asked)
    return say("asked for on {when}, not mailed", when=asked)
