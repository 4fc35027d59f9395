"""Answers to people who want to invite somebody, or want to know who is in the organization."""

from collections import Counter

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import invite, open_people, whom
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.people.shown import LISTED_AT_MOST, invitation, named, only_admins
from assistant.explain.suggestions import suggest
from assistant.facts.facts import Facts
from assistant.intents.topics import Topic
from assistant.language.text import Text, listed, say
from models.person import Role

INVITATIONS_SHOWN = 5


def how_to_invite(facts: Facts) -> Diagnosis:
    """How an organization admin invites people, and which invitations are open. Others are told whom to ask."""
    if not facts.manages_people:
        return only_admins(
            facts,
            say("Only organization admins can invite people."),
            say("Ask an organization admin to invite the person: {admins}.", admins=whom(facts)),
            sources.INVITING,
            suggest(Topic.HOW_ROLES, say("Which role may do what?")),
        )
    open_ones = facts.people.invitations
    evidence = [*named(facts), _members(facts)]
    evidence += [
        Fact(say("Invited: {address}", address=each.email), invitation(facts, each))
        for each in open_ones[:INVITATIONS_SHOWN]
    ]
    more = len(open_ones) - INVITATIONS_SHOWN
    if more > 0:
        evidence.append(Fact(say("More open invitations"), str(more)))
    elif not open_ones:
        evidence.append(Fact(say("Open invitations"), say("none"), facts.now))
    return Diagnosis(
        Case.HOW_TO,
        say("You can invite people to your organization. An invitation is for one e-mail address and one role."),
        tuple(evidence),
        (
            say(
                "Open People, and choose Invite. Enter the e-mail address and the role, and for an agent "
                "admin the agents."
            ),
            _how_it_arrives(facts),
            say("The menu ⋮ of an invitation has Send again, which makes a new link, and Revoke."),
        ),
        offers=(invite(), open_people()),
        replies=(
            suggest(Topic.MAIL_MISSING, say("The mail did not arrive")),
            suggest(Topic.HOW_ROLES),
        ),
        sources=(sources.INVITING, sources.ROLES),
    )


def _how_it_arrives(facts: Facts) -> Text:
    if facts.people.mails_people:
        return say("The person gets a mail with a link, and chooses a name and a password. The list says when it ends.")
    return say("No mail server is set up here: you get the link, shown only once, and send it to the person yourself.")


def _members(facts: Facts) -> Fact:
    members = facts.people.members
    if len(members) <= LISTED_AT_MOST:
        told = [
            say("{name} ({role})", name=words.sanitize(each.person.name), role=words.ROLES[each.role])
            for each in members
        ]
        return Fact(say("People in the organization"), listed(told) or say("none"))
    counts = Counter(each.role for each in members)
    told = [words.people_with(role, counts[role]) for role in Role if counts[role]]
    return Fact(say("People in the organization"), say("{number}: {roles}", number=len(members), roles=listed(told)))
