"""Answers about people who leave: what happens to keys, which secrets they were shown, how they are removed."""

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import contact, open_people, rotate, whom
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.people.roles import LAST_ADMIN
from assistant.explain.people.shown import admins, named, your_role
from assistant.explain.suggestions import suggest
from assistant.facts.facts import Facts
from assistant.intents.topics import Topic
from assistant.language.text import Words, counted, say, sentences
from models.key_queries import ApiKeyRecord
from models.person import Role

KEYS_SHOWN = 5
ROTATED_AT_MOST = 3
KEYS_STAY = say(
    "Keys belong to the organization: they continue to work when somebody leaves. Somebody who "
    "knows a secret can use the key until it is rotated or deleted."
)


def person_leaves(facts: Facts) -> Diagnosis:
    """What happens when somebody leaves. Organization admins learn which secrets a person they name was shown."""
    if not facts.manages_people:
        return _for_others(facts)
    known = _known_keys(facts)
    evidence = [*named(facts), *_shown(facts)]
    steps = [
        say("Open People, and choose Remove in the menu ⋮ of the person: their next request sees nothing any more.")
    ]
    if known:
        steps.append(
            say("Then rotate this key without an overlap, and give the callers the new secret.")
            if len(known) == 1
            else say("Then rotate these keys without an overlap, and give the callers the new secret.")
        )
    elif facts.people.named:
        steps.append(
            say("No working secret was shown to them here. Rotate keys whose secret they were given by others.")
        )
    else:
        steps.append(say("Tell me the person's name: I list the keys whose secret they were shown. Rotate those."))
    if len(facts.admins) == 1 and any(each.role is Role.ORGANIZATION_ADMIN for each in facts.people.named):
        steps.insert(0, LAST_ADMIN)
    return Diagnosis(
        Case.HOW_TO,
        _summary(facts, known),
        tuple(evidence),
        tuple(steps),
        offers=(open_people(), *(rotate(each) for each in known[:ROTATED_AT_MOST])),
        replies=(suggest(Topic.HOW_ROTATE, say("How do I rotate a key?")),),
        sources=(sources.REMOVING, sources.ROTATE),
        keys=tuple(each.id for each in known),
    )


def _for_others(facts: Facts) -> Diagnosis:
    steps = [
        say(
            "Ask an organization admin to remove the person, and to rotate keys that they know: {admins}.",
            admins=whom(facts),
        )
    ]
    if facts.manages:
        steps.append(
            say("If the person knows the secret of a key that you manage, rotate that key without an overlap.")
        )
    return Diagnosis(
        Case.HOW_TO,
        sentences(KEYS_STAY, say("Only organization admins can remove people.")),
        (*your_role(facts), admins(facts)),
        tuple(steps),
        offers=(contact(),),
        replies=(suggest(Topic.HOW_ROTATE, say("How do I rotate a key?")),) if facts.manages else (),
        sources=(sources.REMOVING,),
    )


def _known_keys(facts: Facts) -> list[ApiKeyRecord]:
    found = {key.id: key for each in facts.people.named for key in facts.people.shown.get(each.person.id, ())}
    return list(found.values())


def _summary(facts: Facts, known: list[ApiKeyRecord]) -> Words:
    if len(facts.people.named) != 1:
        return KEYS_STAY
    name = facts.people.named[0].person.name
    if not known:
        return sentences(say("{name} was shown no secret that still works.", name=name), KEYS_STAY)
    shown = counted(
        "{name} was shown the secret of {count} key that still works.",
        "{name} was shown the secret of {count} keys that still works.",
        len(known),
        name=name,
    )
    return sentences(shown, KEYS_STAY)


def _shown(facts: Facts) -> list[Fact]:
    found: list[Fact] = []
    for each in facts.people.named:
        keys = facts.people.shown.get(each.person.id, ())
        label = say("Secrets shown to {name}", name=words.sanitize(each.person.name))
        found += [Fact(label, words.describe_key(key)) for key in keys[:KEYS_SHOWN]]
        if len(keys) > KEYS_SHOWN:
            found.append(Fact(label, counted("and {count} more key", "and {count} more keys", len(keys) - KEYS_SHOWN)))
    return found
