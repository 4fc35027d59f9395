"""Owns the way from a redacted message to a diagnosis: which key is meant, what is known of it, what it comes to."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from assistant.diagnose import Answered, diagnose
from assistant.explain.pasted_key_state import explains_a_failure
from assistant.facts import gather as known
from assistant.facts.conversation_state import ConversationState, chosen
from assistant.facts.facts import Facts, PastedKey, Possession
from assistant.facts.gather import Asker, Knowledge, PossessedKey
from assistant.facts.key_reference import meant, without_names
from assistant.facts.pasted_keys import Possessions
from assistant.facts.question import Question
from assistant.intents.topics import Topic
from assistant.intents.understand import understand
from assistant.rank_topics import read
from assistant.redaction.finding import Kind
from assistant.redaction.redact import Piece
from keys.token import hint_of
from models.key_queries import ApiKeyRecord

_SEARCHED = frozenset({Topic.DOCUMENTATION})
_OF_EVENTS = frozenset({Topic.HISTORY})


@dataclass(frozen=True, slots=True)
class Inquiry:
    """
    A redacted message with what came with it: what was taken out of it, and what the person was looking at.

    `may_look_up` are the public ids of pasted keys that may be looked up.
    """

    text: str
    pieces: Sequence[Piece] = ()
    may_look_up: Collection[str] = ()
    looking_at: str | None = None
    request_id: str | None = None
    subject: ConversationState | None = None
    has_ticket: bool = False


@dataclass(frozen=True, slots=True)
class Considered:
    """What came of it, in which language it was asked, and the facts that it rests on."""

    answered: Answered
    language: str
    facts: Facts


async def consider(
    knowledge: Knowledge, possessions: Possessions, asker: Asker, inquiry: Inquiry, now: datetime
) -> Considered:
    """The diagnosis of a message. Reads, and changes nothing."""
    text = chosen(inquiry.text, inquiry.subject)
    understood = understand(text)
    facts = await known.gather_overview(knowledge, asker, now)
    facts = await known.add_referenced_keys(
        knowledge,
        asker,
        facts,
        understood,
        looking_at=inquiry.looking_at,
        subject=inquiry.subject,
        pieces=inquiry.pieces,
    )
    records = [each.record for each in facts.keys]
    key = meant(text, understood, records, looking_at=inquiry.looking_at, subject=inquiry.subject)
    bare = without_names(text, [each for each in records if each.id in key.key_ids])
    # What a key is called says nothing of what is asked about it, or of the language.
    about = understood if bare == text else understand(bare)._replace(hints=understood.hints, ids=understood.ids)
    question = Question(text, about, bare, key, inquiry.subject, request_is_attached=inquiry.request_id is not None)
    request_id = inquiry.request_id or next(iter(understood.request_ids), None)
    pasted = [
        _or_named(await _possessed(knowledge, possessions, asker, each, inquiry), each, records)
        for each in _keys_in(inquiry.pieces)
    ]
    # What explains a failure is looked into before what is good.
    pasted.sort(key=lambda each: explains_a_failure(each.pasted))
    facts = replace(facts, request_sought=request_id, has_ticket=inquiry.has_ticket)
    named = replace(facts, meant=[each for each in facts.keys if each.record.id in key.key_ids])
    topics = {each.topic for each in read(question, named)[:3]}
    facts = await known.gather_details(
        knowledge,
        asker,
        facts,
        meant=key,
        request=None if request_id is None else await known.find_request(knowledge, asker, request_id),
        pasted=pasted,
        wants_events=bool(topics & _OF_EVENTS),
    )
    if topics & _SEARCHED:
        facts = replace(facts, passages=known.passages(knowledge.documents, text))
    return Considered(diagnose(question, facts), about.language, facts)


def _keys_in(pieces: Sequence[Piece]) -> list[Piece]:
    """Those that were pasted in place of a key, each key once."""
    found: dict[object, Piece] = {}
    for place, piece in enumerate(pieces):
        if piece.kind is Kind.KEY or piece.malformed is not None:
            # A key's older secret has its public id, too, and another hint.
            found.setdefault((piece.public_id, piece.hint) if piece.public_id else place, piece)
    return list(found.values())


def _or_named(found: PossessedKey, piece: Piece, records: Sequence[ApiKeyRecord]) -> PossessedKey:
    """A well-formed key that was not looked up is named by its hint, where that is of a key that they may see."""
    if found.pasted.possession is not None or found.pasted.malformed is not None or piece.public_id is None:
        return found
    named = [each.id for each in records if each.public_id == piece.public_id and hint_of(each) == piece.hint]
    return replace(found, key_id=named[0]) if len(named) == 1 else found


async def _possessed(
    knowledge: Knowledge, possessions: Possessions, asker: Asker, piece: Piece, inquiry: Inquiry
) -> PossessedKey:
    shown = piece.hint or piece.marker
    pasted = PastedKey(
        shown, piece.malformed, is_hint=piece.marker in inquiry.text and not piece.marker.startswith("[")
    )
    if piece.key is None or piece.public_id not in inquiry.may_look_up:
        return PossessedKey(pasted)
    possession, key_id = await possessions.of(piece.key, asker.organization_id)
    if key_id is None:
        return PossessedKey(replace(pasted, possession=possession))
    on = None
    if possession in {Possession.DELETED, Possession.REPLACED}:
        on = await known.changed_on(knowledge.reader, key_id, possession)
    return PossessedKey(replace(pasted, possession=possession, changed_on=on), key_id)
