"""Answers about roles: what they allow, who the admins are, and how somebody gets another role."""

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import ask_an_admin, contact, open_people
from assistant.explain.diagnosis import Case, Diagnosis
from assistant.explain.people.shown import admins, named, only_admins, your_role
from assistant.explain.suggestions import suggest
from assistant.facts.facts import Facts
from assistant.intents.topics import Topic
from models.person import Role

ADMINS_SHOWN = 5
LAST_ADMIN = "An organization keeps an organization admin: before the last one goes, make somebody else one."


def roles(facts: Facts) -> Diagnosis:
    """What the roles may do, the person's own role, and the admins."""
    if facts.manages_people:
        step = "To change what somebody may do, open People, and choose Change role in the menu ⋮ of the person."
    else:
        step = ask_an_admin(facts, "if you need another role")
    return Diagnosis(
        Case.HOW_TO,
        f"{_who(facts)} Organization admins manage all keys, people and agents; agent admins manage the keys of the "
        "agents that they administer; members can't manage keys, but can ask for one.",
        (*your_role(facts), admins(facts), *named(facts)),
        (step,),
        offers=(open_people(),) if facts.manages_people else (contact(),),
        replies=(suggest(Topic.CHANGE_ROLE, "How do I get another role?"),) if not facts.manages_people else (),
        sources=(sources.ROLES,),
    )


def _who(facts: Facts) -> str:
    if not facts.admins:
        return "Your organization has no organization admin."
    told = words.join([words.who(each) for each in facts.admins[:ADMINS_SHOWN]])
    return f"Your organization admin is {told}." if len(facts.admins) == 1 else f"Organization admins are {told}."


def change_role(facts: Facts) -> Diagnosis:
    """How an organization admin changes somebody's role. Others are told whom to ask."""
    if not facts.manages_people:
        return only_admins(
            facts,
            "change roles, and nobody can change their own to a higher one",
            "to change the role",
            sources.CHANGING_ROLES,
            suggest(Topic.HOW_ROLES, "Which role may do what?"),
        )
    steps = [
        "Open People, and choose Change role in the menu ⋮ of the person. For an agent admin, choose the agents, too.",
        "The change takes effect with the person's next request. Keys that they created stay as they are.",
    ]
    if len(facts.admins) == 1:
        steps.append(LAST_ADMIN)
    is_admin = [each for each in facts.people.named if each.role is Role.ORGANIZATION_ADMIN]
    summary = "You can change the role of everybody in your organization."
    if len(facts.people.named) == 1:
        person = facts.people.named[0].person
        summary = f"You can change the role of {person.name}."
        if is_admin and len(facts.admins) == 1:
            summary = f"{person.name} is the only organization admin, so nobody can take that role away yet."
    return Diagnosis(
        Case.HOW_TO,
        summary,
        (*(named(facts) or your_role(facts)), admins(facts)),
        tuple(steps),
        offers=(open_people(),),
        replies=(suggest(Topic.HOW_ROLES, "Which role may do what?"),),
        sources=(sources.CHANGING_ROLES, sources.ROLES),
    )
