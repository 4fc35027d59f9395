"""
Resolves which key a message refers to: one that it names, one that the person looks at, or one discussed before.

Names are compared word by word with rapidfuzz, so that *the billing sync one* is billing-sync-prod. Active and deleted
keys are treated alike; only keys that the person may see are considered.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from rapidfuzz import fuzz, process

from assistant.facts.conversation_state import ConversationState
from assistant.intents.understand import Understood
from keys.token import hint_of
from models.engine.ids import Prefix, parse_external_id
from models.key_queries import ApiKeyRecord

_WORD = re.compile(r"\w+")
_SAYS_NOTHING = frozenset(
    [
        *("api", "key", "keys", "apikey", "token", "secret", "agent", "service", "org", "organization", "organisation"),
        *("the", "my", "our", "your", "a", "an", "for", "of", "and", "to", "in", "on", "is", "it", "one", "level"),
        *("test", "new", "old", "other", "first", "second", "last", "all", "any", "this", "that", "with", "does", "do"),
        *("not", "no", "can", "who", "why", "how", "what", "when", "which", "where", "call", "calls", "fail", "fails"),
        *("failing", "get", "gets", "work", "works", "created", "deleted", "rotated", "used", "use", "uses"),
    ]
)
"""Words by which no name is recognized, unless the whole name is written in quotation marks."""
_ALIKE = 86
"""rapidfuzz's ratio, out of 100: one letter in seven may differ."""
_LONG_ENOUGH = 4
"""The length from which on a word is recognized despite a typing error."""
_COVERED_AT_LEAST = 0.5
"""The share of a name's letters that must occur in the message."""
_COVERED_WITH_SLIPS_AT_LEAST = 0.8
"""The share if no word of the name occurs without a typing error: *broke* is not Broker feed."""
_WORDS_AT_MOST = 200
_OTHER = re.compile(
    r"\b(?:the other|another one|other one|der andere|die andere|das andere|l['’]autre|el otro|la otra|o outro"
    r"|a outra)\b|もう一つ|他の|另一个",
    re.IGNORECASE,
)
_AROUND_A_NAME = frozenset(
    [
        *("the", "key", "api", "one", "it", "is", "its", "s", "my", "our", "named", "called", "i", "mean", "sorry"),
        *("and", "or", "what", "how", "about", "with", "for", "no", "not", "yes", "ok", "then"),
    ]
)
"""Words that add nothing to the name of a key, as in *and what about deploy?*."""
_CHOOSES_WITHIN_WORDS = 6
_NAMES_WITHIN_WORDS = 4
_QUOTES = "\"'“”‘’„«»‹›`「」"


class KeyReference(NamedTuple):
    """
    The keys that a message refers to: none, one, or several if its words fit several.

    `unseen` is a hint or id that belongs to no key that the person may see. `only_named` says that the message contains
    nothing but the reference.
    """

    key_ids: tuple[UUID, ...] = ()
    unseen: str | None = None
    is_named: bool = False
    only_named: bool = False


def meant(
    text: str,
    understood: Understood,
    keys: Sequence[ApiKeyRecord],
    *,
    looking_at: str | None = None,
    state: ConversationState | None = None,
) -> KeyReference:
    """
    Resolves the keys that a message refers to.

    Tried in this order: an exact id, hint or name; the key that the person looks at; an approximate name; a key that
    was discussed before.
    """
    said, unseen = _by_id_or_hint(understood, keys)
    if said:
        return KeyReference(said, is_named=True, only_named=_is_only(text, ()))
    exact = _by_whole_name(text, keys)
    if exact:
        names = [record.name for record in keys if record.id in exact]
        return KeyReference(exact, is_named=True, only_named=_is_only(text, names))
    if unseen is not None:
        return KeyReference(unseen=unseen, is_named=True)
    if looking_at is not None:
        key_id = parse_external_id(Prefix.API_KEY, looking_at)
        if any(record.id == key_id for record in keys) and key_id is not None:
            return KeyReference((key_id,))
        return KeyReference(unseen=looking_at)
    loose = _by_words(text, keys)
    if loose:
        only_named = len(text.split()) <= _NAMES_WITHIN_WORDS and _is_only(text, _WORD.findall(text))
        return KeyReference(loose, is_named=True, only_named=only_named)
    return _spoken_of(text, understood, state, keys)


def without_names(text: str, keys: Sequence[ApiKeyRecord]) -> str:
    """The text with the word *key* instead of exact names of these keys."""
    for record in sorted(keys, key=lambda each: -len(each.name)):
        words = r"\s+".join(map(re.escape, record.name.split()))
        text = re.sub(rf"(?<![\w-])[{_QUOTES}]?{words}[{_QUOTES}]?(?![\w-])", " key ", text, flags=re.IGNORECASE)
    return text


def _by_id_or_hint(understood: Understood, keys: Sequence[ApiKeyRecord]) -> tuple[tuple[UUID, ...], str | None]:
    found: list[UUID] = []
    unseen: str | None = None
    for each in understood.ids:
        key_id = parse_external_id(Prefix.API_KEY, each)
        if key_id is None:
            continue
        if any(record.id == key_id for record in keys):
            found.append(key_id)
        else:
            unseen = each
    for each in understood.hints:
        fits = [record.id for record in keys if _fits(each, record)]
        found += fits
        if not fits:
            unseen = each
    return tuple(dict.fromkeys(found)), unseen


def _fits(said: str, record: ApiKeyRecord) -> bool:
    """Whether a hint or its beginning fits the key: kd_Ab3dEf…x9Qz, kd_Ab3d…, kd_Ab3dEf...x9Qz."""
    beginning, _, ending = said.replace("...", "…").replace("..", "…").partition("…")
    whole = hint_of(record)
    return whole.startswith(beginning) and record.last_four.endswith(ending)


def _by_whole_name(text: str, keys: Sequence[ApiKeyRecord]) -> tuple[UUID, ...]:
    """The keys whose exact name occurs. A longer name counts, but not a shorter name within it."""
    folded = " ".join(text.casefold().split())
    places: list[tuple[int, int, UUID]] = []
    for record in keys:
        name = " ".join(record.name.casefold().split())
        says_something = any(word not in _SAYS_NOTHING and len(word) > 1 for word in _WORD.findall(name))
        start = folded.find(name)
        while start >= 0:
            end = start + len(name)
            before, after = folded[start - 1 : start], folded[end : end + 1]
            is_quoted = bool(before) and before in _QUOTES and bool(after) and after in _QUOTES
            is_word = not (_is_of_a_word(before) or _is_of_a_word(after))
            if is_quoted or (says_something and is_word):
                places.append((start, end, record.id))
            start = folded.find(name, start + 1)
    longest = [
        key_id
        for start, end, key_id in places
        if not any(a <= start and end <= b and b - a > end - start for a, b, _ in places)
    ]
    return tuple(dict.fromkeys(longest))


def _is_of_a_word(character: str) -> bool:
    return bool(character) and (character.isalnum() or character in "_-")


def _by_words(text: str, keys: Sequence[ApiKeyRecord]) -> tuple[UUID, ...]:
    """The keys of whose name most words occur. Words that are long enough may have a typing error."""
    said = [word for word in dict.fromkeys(_words(text)) if word not in _SAYS_NOTHING][:_WORDS_AT_MOST]
    if not said:
        return ()
    stands_there: dict[str, bool] = {}
    best = (0, 0.0)
    found: list[UUID] = []
    for record in keys:
        telling = [word for word in dict.fromkeys(_words(record.name)) if word not in _SAYS_NOTHING]
        if not telling:
            continue
        for word in telling:
            if word not in stands_there:
                stands_there[word] = _stands_there(word, said)
        letters = sum(len(word) for word in telling if stands_there[word])
        covered = letters / sum(map(len, telling))
        # Deploy-staging fits both deploy and deploy-staging, but the latter better.
        rank = (letters, covered)
        at_least = _COVERED_AT_LEAST if any(word in said for word in telling) else _COVERED_WITH_SLIPS_AT_LEAST
        if letters >= _LONG_ENOUGH and covered >= at_least and rank >= best:
            found = [*found, record.id] if rank == best else [record.id]
            best = rank
    return tuple(found)


def _stands_there(word: str, said: Sequence[str]) -> bool:
    if word in said:
        return True
    return len(word) >= _LONG_ENOUGH and (
        process.extractOne(word, said, scorer=fuzz.ratio, score_cutoff=_ALIKE) is not None
    )


def _words(text: str) -> list[str]:
    return [word for run in _WORD.findall(text.casefold()) for word in run.split("_") if word]


def _spoken_of(
    text: str, understood: Understood, state: ConversationState | None, keys: Sequence[ApiKeyRecord]
) -> KeyReference:
    if state is None:
        return KeyReference()
    seen = {record.id for record in keys}
    if _OTHER.search(text):
        others = tuple(each for each in state.offered if each in seen and each != state.key_id)
        return KeyReference(others)
    chosen = _of_offered(text, state, keys)
    if chosen is not None:
        return KeyReference((chosen,), is_named=True, only_named=True)
    if state.key_id in seen and state.key_id is not None and not understood.asks_anew:
        return KeyReference((state.key_id,))
    return KeyReference()


def _of_offered(text: str, state: ConversationState, keys: Sequence[ApiKeyRecord]) -> UUID | None:
    """The only one of the keys that the last answer named that fits a few words, however short: *the eu one*."""
    said = set(_words(text)) - _SAYS_NOTHING - _AROUND_A_NAME
    if not said or len(text.split()) > _CHOOSES_WITHIN_WORDS:
        return None
    fits = [each.id for each in keys if each.id in state.offered and said <= set(_words(each.name))]
    return fits[0] if len(fits) == 1 else None


def _is_only(text: str, names: Sequence[str]) -> bool:
    """Whether the text contains nothing but a reference to a key."""
    rest = text.casefold()
    for name in names:
        rest = rest.replace(name.casefold(), " ")
    # Matches only at the beginning of a word: trying each letter of a very long word would take far too long.
    rest = re.sub(r"(?<!\w)\w+_\w+(?:…|\.{2,3})?\w*", " ", rest)
    return all(word in _AROUND_A_NAME for word in _words(rest))
