"""Reads people, invitations and mails on behalf of a person, and finds the people whom a message names."""

import re
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from assistant.facts.asker import Asker, Knowledge
from assistant.facts.facts import DAY
from assistant.facts.people import PeopleFacts
from assistant.facts.question import Question
from assistant.intents.topics import Topic
from keys import policy
from keys.policy import Action, may_on
from models.invitation import invitations_of
from models.key_queries import ApiKeyRecord, key_records
from models.key_request import open_requests, open_requests_of
from models.members import MemberRecord, keys_shown, member_records
from models.password_reset import newest_resets

OF_PEOPLE = frozenset(
    (
        *(Topic.HOW_INVITE, Topic.CHANGE_ROLE, Topic.PERSON_LEAVES, Topic.SIGN_IN, Topic.MAIL_MISSING),
        *(Topic.HOW_ROLES, Topic.HOW_AGENTS),
    )
)
"""Topics whose answers need facts about people."""
_OF_KEY_REQUESTS = frozenset({Topic.HOW_CREATE, Topic.CANNOT_CREATE, Topic.NOT_ALLOWED})
_LIKELY_FROM = 0.01
"""The probability from which a topic may be answered, whatever the organization's state adds to it."""
NAMED_AT_MOST = 3
RESETS_READ = 3
_NAME_LENGTH_AT_LEAST = 3
_NOT_A_NAME = frozenset(
    (
        *("will", "may", "can", "mark", "page", "key", "keys", "agent", "admin", "member", "role", "grant", "art"),
        *("bill", "the", "and", "who"),
    )
)
"""Words that count as a name only with a capital letter that does not begin the message."""


async def people_facts(knowledge: Knowledge, asker: Asker, question: Question, now: datetime) -> PeopleFacts:
    """The facts about people that the answer to this question may need."""
    people = PeopleFacts(mails_people=knowledge.mails_people)
    is_of_people, is_of_requests = _may_be(question, OF_PEOPLE), _may_be(question, _OF_KEY_REQUESTS)
    if not (is_of_people or is_of_requests):
        return people
    reader, organization_id = knowledge.reader, asker.organization_id
    is_admin = policy.may_everywhere(asker.actor, Action.MANAGE_MEMBERS, organization_id)
    if policy.may_everywhere(asker.actor, Action.CREATE_KEY, organization_id):
        asked = await open_requests(reader, organization_id)
    else:
        asked = await open_requests_of(reader, organization_id, asker.person.id)
    if not is_of_people:
        return PeopleFacts(people.mails_people, key_requests=asked)
    members = await member_records(reader, organization_id) if is_admin else []
    named = named_members(question.text, members)
    return PeopleFacts(
        people.mails_people,
        members,
        named,
        await _shown(knowledge, asker, named, now),
        await invitations_of(reader, organization_id) if is_admin else (),
        await newest_resets(reader, asker.person.id, since=now - DAY, limit=RESETS_READ),
        asked,
    )


def named_members(text: str, members: Sequence[MemberRecord]) -> list[MemberRecord]:
    """The members whom the text names: by address, by whole name, otherwise by a part of the name."""
    whole = [each for each in members if _occurs(each.person.email, text) or _occurs(each.person.name, text)]
    if whole:
        return whole[:NAMED_AT_MOST]
    return [each for each in members if any(_names(word, text) for word in each.person.name.split())][:NAMED_AT_MOST]


async def _shown(
    knowledge: Knowledge, asker: Asker, members: Sequence[MemberRecord], now: datetime
) -> dict[UUID, list[ApiKeyRecord]]:
    """For each of these members, the keys whose secret they were shown, newest first."""
    if not members:
        return {}
    shown = await keys_shown(knowledge.reader, asker.organization_id, now=now)
    ids = {each.person.id: shown.get(each.person.id, []) for each in members}
    found = await key_records(knowledge.reader, {key_id for of_one in ids.values() for key_id in of_one})
    seen = {key_id: key for key_id, key in found.items() if may_on(asker.actor, Action.SEE_KEY, key)}
    return {
        person_id: [seen[key_id] for key_id in sorted(of_one, reverse=True) if key_id in seen]
        for person_id, of_one in ids.items()
    }


def _may_be(question: Question, topics: frozenset[Topic]) -> bool:
    """Whether the question may be answered as one about these topics."""
    if question.suggested is not None:
        return question.suggested in topics
    if question.state is not None and question.state.topic in topics:
        return True
    return any(each.topic in topics and each.probability >= _LIKELY_FROM for each in question.understood.readings)


def _occurs(words: str, text: str) -> bool:
    """Whether the words occur in the text, in any case, and not within longer Latin words."""
    said = r"\s+".join(map(re.escape, words.split()))
    pattern = rf"(?<![a-zA-Z0-9._-]){said}(?![a-zA-Z0-9_-])"
    return bool(said) and re.search(pattern, text, re.IGNORECASE) is not None


def _names(word: str, text: str) -> bool:
    if len(word) < _NAME_LENGTH_AT_LEAST or not _occurs(word, text):
        return False
    return word.casefold() not in _NOT_A_NAME or re.search(rf"(?<=\s){re.escape(word)}(?!\w)", text) is not None
