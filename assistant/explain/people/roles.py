"""Answers about roles: what they allow, who the admins are, and how somebody gets another role."""

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import contact, open_people, whom
from assistant.explain.diagnosis import Case, Diagnosis
from assistant.explain.people.shown import admins, named, only_admins, your_role
from assistant.explain.suggestions import suggest
from assistant.facts.facts import Facts
from assistant.intents.topics import Topic
from assistant.language.text import Text, listed, say, sentences
from models.person import Role

ADMINS_SHOWN = 5
LAST_ADMIN = say("An organization keeps an organization admin: before the last one goes, make somebody else one.")


def roles(facts: Facts) -> Diagnosis:
    """What the roles may do, the person's own role, and the admins."""
    if facts.manages_people:
        step = say("To change what somebody may do, open People, and choose Change role in the menu ⋮ of the person.")
    else:
        step = say("Ask an organization admin if you need another role: {admins}.", admins=whom(facts))
    return Diagnosis(
        Case.HOW_TO,
        sentences(
            _who(facts),
            say(
                "Organization admins manage all keys, people and agents; agent admins manage the keys of the agents "
                "that they administer; members can't manage keys, but can ask for one."
            ),
        ),
        (*your_role(facts), admins(facts), *named(facts)),
        (step,),
        offers=(open_people(),) if facts.manages_people else (contact(),),
        replies=(suggest(Topic.CHANGE_ROLE, say("How do I get another role?")),) if not facts.manages_people else (),
        sources=(sources.ROLES,),
    )


def _who(facts: Facts) -> Text:
    if not facts.admins:
        return say("Your organization has no organization admin.")
    told = listed([words.person(each) for each in facts.admins[:ADMINS_SHOWN]])
    return (
        say("Your organization admin is {admin}.", admin=told)
        if len(facts.admins) == 1
        else say("Organization admins are {admins}.", admins=told)
    )


def change_role(facts: Facts) -> Diagnosis:
    """How an organization admin changes somebody's role. Others are told whom to ask."""
    if not facts.manages_people:
        return only_admins(
            facts,
            say("Only organization admins can change roles, and nobody can change their own to a higher one."),
            say("Ask an organization admin to change the role: {admins}.", admins=whom(facts)),
            sources.CHANGING_ROLES,
            suggest(Topic.HOW_ROLES, say("Which role may do what?")),
        )
    steps = [
        say(
            "Open People, and choose Change role in the menu ⋮ of the person. For an agent admin, "
            "choose the agents, too."
        ),
        say("The change takes effect with the person's next request. Keys that they created stay as they are."),
    ]
    if len(facts.admins) == 1:
        steps.append(LAST_ADMIN)
    is_admin = [each for each in facts.people.named if each.role is Role.ORGANIZATION_ADMIN]
    summary = say("You can change the role of everybody in your organization.")
    if len(facts.people.named) == 1:
        person = facts.people.named[0].person
        summary = say("You can change the role of {name}.", name=person.name)
        if is_admin and len(facts.admins) == 1:
            summary = say(
                "{name} is the only organization admin, so nobody can take that role away yet.", name=person.name
            )
    return Diagnosis(
        Case.HOW_TO,
        summary,
        (*(named(facts) or your_role(facts)), admins(facts)),
        tuple(steps),
        offers=(open_people(),),
        replies=(suggest(Topic.HOW_ROLES, say("Which role may do what?")),),
        sources=(sources.CHANGING_ROLES, sources.ROLES),
    )
