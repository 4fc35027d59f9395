"""Answers about people who leave: what happens to keys, which secrets they were shown, how they are removed."""

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import ask_an_admin, contact, open_people, rotate
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.people.roles import LAST_ADMIN
from assistant.explain.people.shown import admins, named, your_role
from assistant.explain.suggestions import suggest
from assistant.facts.facts import Facts
from assistant.intents.topics import Topic
from models.key_queries import ApiKeyRecord
from models.person import Role

KEYS_SHOWN = 5
ROTATED_AT_MOST = 3
KEYS_STAY = (
    "Keys belong to the organization: they continue to work when somebody leaves. Somebody who knows a secret can use "
    "the key until it is rotated or deleted."
)


def person_leaves(facts: Facts) -> Diagnosis:
    """What happens when somebody leaves. Organization admins learn which secrets a person they name was shown."""
    if not facts.manages_people:
        return _for_others(facts)
    known = _known_keys(facts)
    evidence = [*named(facts), *_shown(facts)]
    steps = ["Open People, and choose Remove in the menu ⋮ of the person: their next request sees nothing any more."]
    if known:
        steps.append(
            f"Then rotate {'this key' if len(known) == 1 else 'these keys'} without an overlap, and give the "
            "callers the new secret."
        )
    elif facts.people.named:
        steps.append("No working secret was shown to them here. Rotate keys whose secret they were given by others.")
    else:
        steps.append("Tell me the person's name: I list the keys whose secret they were shown. Rotate those.")
    if len(facts.admins) == 1 and any(each.role is Role.ORGANIZATION_ADMIN for each in facts.people.named):
        steps.insert(0, LAST_ADMIN)
    return Diagnosis(
        Case.HOW_TO,
        _summary(facts, known),
        tuple(evidence),
        tuple(steps),
        offers=(open_people(), *(rotate(each) for each in known[:ROTATED_AT_MOST])),
        replies=(suggest(Topic.HOW_ROTATE, "How do I rotate a key?"),),
        sources=(sources.REMOVING, sources.ROTATE),
        keys=tuple(each.id for each in known),
    )


def _for_others(facts: Facts) -> Diagnosis:
    steps = [ask_an_admin(facts, "to remove the person, and to rotate keys that they know")]
    if facts.manages:
        steps.append("If the person knows the secret of a key that you manage, rotate that key without an overlap.")
    return Diagnosis(
        Case.HOW_TO,
        f"{KEYS_STAY} Only organization admins can remove people.",
        (*your_role(facts), admins(facts)),
        tuple(steps),
        offers=(contact(),),
        replies=(suggest(Topic.HOW_ROTATE, "How do I rotate a key?"),) if facts.manages else (),
        sources=(sources.REMOVING,),
    )


def _known_keys(facts: Facts) -> list[ApiKeyRecord]:
    found = {key.id: key for each in facts.people.named for key in facts.people.shown.get(each.person.id, ())}
    return list(found.values())


def _summary(facts: Facts, known: list[ApiKeyRecord]) -> str:
    if len(facts.people.named) != 1:
        return KEYS_STAY
    name = facts.people.named[0].person.name
    if not known:
        return f"{name} was shown no secret that still works. {KEYS_STAY}"
    return f"{name} was shown the secret of {words.count(len(known), 'key')} that still works. {KEYS_STAY}"


def _shown(facts: Facts) -> list[Fact]:
    found: list[Fact] = []
    for each in facts.people.named:
        keys = facts.people.shown.get(each.person.id, ())
        label = f"Secrets shown to {words.sanitize(each.person.name)}"
        found += [Fact(label, words.describe_key(key)) for key in keys[:KEYS_SHOWN]]
        if len(keys) > KEYS_SHOWN:
            found.append(Fact(label, f"and {words.count(len(keys) - KEYS_SHOWN, 'more key')}"))
    return found
