"""Answers to people who miss a mail: an invitation, or a link for a forgotten password."""

from collections.abc import Sequence

from assistant.explain import doc_links as sources
from assistant.explain.actions import contact, open_people, whom
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.people.shown import admins, invitation
from assistant.explain.people.signing_in import mails, resets
from assistant.explain.suggestions import suggest
from assistant.facts.facts import Facts
from assistant.intents.topics import Topic
from assistant.language.text import Text, Words, counted, say, sentences
from models.invitation import InvitationRecord

INVITATIONS_SHOWN = 5
SENT = say(
    "A mail that was sent may be in the spam folder, or may have been refused by the mail server of the receiver."
)


def mail_missing(facts: Facts, text: str) -> Diagnosis:
    """What became of the mails that the person may know about."""
    if not facts.manages_people:
        return _for_others(facts)
    said = text.casefold()
    open_ones = facts.people.invitations
    asked = [each for each in open_ones if each.email in said] or open_ones
    evidence = [
        Fact(say("Invited: {address}", address=each.email), invitation(facts, each))
        for each in asked[:INVITATIONS_SHOWN]
    ]
    if not open_ones:
        evidence.append(Fact(say("Open invitations"), say("none: each was accepted, revoked or replaced"), facts.now))
    steps = [
        say(
            "Open People, and choose Send again in the menu ⋮ of the invitation: it gets a new link "
            "and more time, and the link before stops working."
        )
    ]
    if facts.people.mails_people:
        steps.append(SENT)
    else:
        steps.append(say("Send again shows the link, only once: send it to the person yourself."))
    return Diagnosis(
        Case.HOW_TO,
        _summary(facts, asked),
        (mails(facts), *evidence, *resets(facts)),
        tuple(steps),
        offers=(open_people(), contact()),
        replies=(suggest(Topic.SIGN_IN, say("I forgot my password")),),
        sources=(sources.MAILS,),
    )


def _summary(facts: Facts, asked: Sequence[InvitationRecord]) -> Text:
    failed = [each for each in asked if each.sent_at is None and each.failure is not None]
    waiting = [each for each in asked if each.sent_at is None and each.failure is None and each.is_due]
    expired = [each for each in asked if each.expires_at <= facts.now]
    if not facts.people.mails_people:
        return say(
            "No mail server is set up here, so no mail is sent: an admin who invites somebody gets the link instead."
        )
    if failed:
        return counted(
            "{count} invitation could not be mailed: the mail server's answer is below.",
            "{count} invitations could not be mailed: the mail server's answer is below.",
            len(failed),
        )
    if expired:
        return counted(
            "{count} invitation has expired: send it again.",
            "{count} invitations have expired: send it again.",
            len(expired),
        )
    if waiting:
        return counted(
            "{count} invitation is about to be mailed.", "{count} invitations are about to be mailed.", len(waiting)
        )
    return say("A mail server has accepted every mail that is due.")


def _for_others(facts: Facts) -> Diagnosis:
    if facts.people.mails_people:
        summary: Words = sentences(say("Mails are sent here."), SENT)
        steps = [
            say(
                "A link for a forgotten password is good for an hour. Ask for another one where you sign "
                "in: at most three an hour are sent."
            ),
            say(
                "Ask an organization admin to send an invitation again, if it did not arrive or has expired: {admins}.",
                admins=whom(facts),
            ),
        ]
    else:
        summary = say("No mail server is set up here, so no mail is sent.")
        steps = [
            say("Ask an organization admin for the link of an invitation: {admins}.", admins=whom(facts)),
            say("The operator of this installation replaces forgotten passwords."),
        ]
    return Diagnosis(
        Case.HOW_TO,
        summary,
        (mails(facts), *resets(facts), admins(facts)),
        tuple(steps),
        offers=(contact(),),
        replies=(suggest(Topic.SIGN_IN, say("I forgot my password")),),
        sources=(sources.MAILS,),
    )
