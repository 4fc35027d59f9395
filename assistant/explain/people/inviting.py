"""Answers to people who want to invite somebody, or want to know who is in the organization."""

from collections import Counter

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import invite, open_people
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.people.shown import LISTED_AT_MOST, invitation, named, only_admins
from assistant.explain.suggestions import suggest
from assistant.facts.facts import Facts
from assistant.intents.topics import Topic
from keys.policy import ROLE_WORDS
from models.person import Role

INVITATIONS_SHOWN = 5


def how_to_invite(facts: Facts) -> Diagnosis:
    """How an organization admin invites people, and which invitations are open. Others are told whom to ask."""
    if not facts.manages_people:
        return only_admins(
            facts,
            "invite people",
            "to invite the person",
            sources.INVITING,
            suggest(Topic.HOW_ROLES, "Which role may do what?"),
        )
    open_ones = facts.people.invitations
    evidence = [*named(facts), _members(facts)]
    evidence += [Fact(f"Invited: {each.email}", invitation(facts, each)) for each in open_ones[:INVITATIONS_SHOWN]]
    more = len(open_ones) - INVITATIONS_SHOWN
    if more > 0:
        evidence.append(Fact("More open invitations", str(more)))
    elif not open_ones:
        evidence.append(Fact("Open invitations", "none", facts.now))
    return Diagnosis(
        Case.HOW_TO,
        "You can invite people to your organization. An invitation is for one e-mail address and one role.",
        tuple(evidence),
        (
            "Open People, and choose Invite. Enter the e-mail address and the role, and for an agent admin the agents.",
            _how_it_arrives(facts),
            "The menu ⋮ of an invitation has Send again, which makes a new link, and Revoke.",
        ),
        offers=(invite(), open_people()),
        replies=(
            suggest(Topic.MAIL_MISSING, "The mail did not arrive"),
            suggest(Topic.HOW_ROLES),
        ),
        sources=(sources.INVITING, sources.ROLES),
    )


def _how_it_arrives(facts: Facts) -> str:
    if facts.people.mails_people:
        return "The person gets a mail with a link, and chooses a name and a password. The list says when it ends."
    return "No mail server is set up here: you get the link, shown only once, and send it to the person yourself."


def _members(facts: Facts) -> Fact:
    members = facts.people.members
    if len(members) <= LISTED_AT_MOST:
        told = [f"{words.sanitize(each.person.name)} ({ROLE_WORDS[each.role]})" for each in members]
        return Fact("People in the organization", words.join(told) or "none")
    counts = Counter(each.role for each in members)
    told = [words.count(counts[role], ROLE_WORDS[role]) for role in Role if counts[role]]
    return Fact("People in the organization", f"{len(members)}: {words.join(told)}")
