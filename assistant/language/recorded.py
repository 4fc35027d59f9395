"""
Recognizes sentences that other layers wrote in English, so that they can be translated.

These are the descriptions of malformed keys, which are stored with refused requests, and the summaries of the audit
log. A sentence that is not recognized is shown in English, as it was written.
"""

import re
from collections.abc import Iterable, Sequence

from assistant.language.text import SLOT, Template, Text, Words, counted, listed, say, sentences, template

_WITHOUT = {
    "what is around it": say("what is around it"),
    "invisible characters": say("invisible characters"),
    "white space": say("white space"),
    "quotes or brackets": say("quotes or brackets"),
    "the extra Bearer": say("the extra Bearer"),
    "punctuation": say("punctuation"),
    "the name before it": say("the name before it"),
    "percent-encoding": say("percent-encoding"),
    "other text": say("other text"),
    "that encoding": say("that encoding"),
}
"""What the key is to be sent without."""
_FOUND: Sequence[Template] = (
    template("The key was sent inside JSON or a list."),
    template("There are invisible or control characters in or around the key."),
    template("There is white space or a line break in or around the key."),
    template("There are quotes or brackets around the key."),
    template("The word Bearer is there twice, or in X-API-Key, which takes only the key."),
    template("There is punctuation, or a backslash sequence, before or after the key."),
    template("There is a name with = or : before the key."),
    template("The key is percent-encoded, as in a URL."),
    template("There is other text before or after the key."),
    template("The key is encoded in base64."),
    template("There is nothing where the key should be."),
    template("A word such as null or undefined was sent instead of the key."),
    template("The name of a variable was sent instead of its value."),
    template("A placeholder was sent instead of the key."),
    template("The id of an API key was sent instead of a key."),
    template("The id of an organization was sent instead of a key."),
    template("The id of an agent was sent instead of a key."),
    template("The id of a person was sent instead of a key."),
    template("The id of a request was sent instead of a key."),
    template("The id of an event was sent instead of a key."),
    template("The id of a service token was sent instead of a key."),
    template("A UUID was sent instead of a key."),
    template("A URL was sent instead of a key."),
    template("An AWS access key was sent, which is not a key of this service."),
    template("A GitHub token was sent, which is not a key of this service."),
    template("An Anthropic key was sent, which is not a key of this service."),
    template("An OpenAI key was sent, which is not a key of this service."),
    template("A Slack token was sent, which is not a key of this service."),
    template("A Stripe key was sent, which is not a key of this service."),
    template("A Google API key was sent, which is not a key of this service."),
    template("A GitLab token was sent, which is not a key of this service."),
    template("A JSON Web Token (JWT) was sent, which is not a key of this service."),
    template("A key or certificate in PEM form was sent, which is not a key of this service."),
    template("A user name and password (Basic) were sent instead of a key."),
    template("A service token was sent, with which programs manage API keys at /graphql."),
    template("An operator token was sent, with which the operator's programs use /graphql."),
    template("The hint was sent, which only shows how a key begins and ends."),
    template("The key is masked: a part of it was replaced before it was copied or sent."),
    template("The key is there more than once."),
    template("There is more than one key."),
    template("The key's uppercase and lowercase letters were changed."),
    template("The beginning of the key is missing."),
    template("The key does not begin with {prefix}."),
    template("Only the public id was sent, which is the first part of a key."),
    template("The key's two underscores are missing, doubled or replaced."),
    template("There are characters that a key never contains, such as punctuation or look-alike letters."),
    template("The text that was sent does not have the form of a key."),
)
_REMEDIES: Sequence[Template] = (
    template("Send only the key, as Authorization: Bearer KEY or as X-API-Key: KEY."),
    template("Check that the variable or setting for the key has a value where the program runs."),
    template(
        "Check that the variable is set and is replaced: shells don't replace variables in single quotes, and most "
        "files never do."
    ),
    template("Put your key in its place."),
    template("The whole key was shown once, when it was created: if nobody stored it, rotate the key."),
    template("Send a key that begins with {prefix}, and check that each of your variables is in the right place."),
    template("Send an API key, which begins with {prefix}."),
    template("Send it once, in one header."),
    template("Send one of them."),
    template("Copy the whole key from where it was stored when it was created."),
    template(
        "A key is {prefix}, {public_part} letters and digits, an underscore, and {secret_part} more: {length} "
        "characters in all."
    ),
)
_EVENTS: Sequence[Template] = (
    template("The organization-level API key “{key}” was created"),
    template("The agent-level API key “{key}” was created"),
    template("The API key “{before}” was renamed to “{key}”"),
    template("The API key “{key}” was given a new secret. The secret before works for {seconds} more seconds"),
    template("The API key “{key}” was given a new secret"),
    template("The API key “{key}” was deleted with its agent “{agent}”"),
    template("The API key “{key}” was deleted"),
    template("The limits of the API key “{key}” were changed: {changes}"),
    template("The agent “{agent}” was created"),
    template("The agent “{before}” was renamed to “{agent}”"),
    template("The agent “{agent}” was deleted"),
    template("The service token “{token}” was revoked"),
    template("The invitation of {address} was revoked"),
)
"""Summaries of the audit log without their last full stop, as an answer has them."""
_TOO_SHORT = re.compile(r"The key is too short by (\d+) characters?\.")
_TOO_LONG = re.compile(r"The key is too long by (\d+) characters?\.")
_SEND_WITHOUT = re.compile(r"Send the key without (?P<things>[^.]*)\.")
_LEAVE_OUT = re.compile(r"(?:\. Leave out|, without) (?P<things>[^.,]*)\.\Z")
"""At the end of a remedy. Refused requests that were stored by earlier versions have the second form."""


def malformed_detail(detail: str) -> Words:
    """What is wrong with a malformed key, and what to do: `keys.verification.malformed.describe` in every language."""
    found = _first_sentence(detail)
    if found is None:
        return detail
    rest = detail[found[1] :].strip()
    remedy = _remedy(rest) if rest else None
    if rest and remedy is None:
        return detail
    return sentences(found[0], remedy)


def event_summary(summary: str) -> Words:
    """The summary of an event in the audit log, without its last full stop."""
    said = summary.rstrip(".")
    return next((event for each in _EVENTS if (event := _filled(each, said)) is not None), said)


def _first_sentence(detail: str) -> tuple[Text, int] | None:
    """The sentence that the detail begins with, and its length."""
    if match := _TOO_SHORT.match(detail):
        number = int(match[1])
        text = counted(
            "The key is too short by {count} character.", "The key is too short by {count} characters.", number
        )
        return text, match.end()
    if match := _TOO_LONG.match(detail):
        number = int(match[1])
        text = counted(
            "The key is too long by {count} character.", "The key is too long by {count} characters.", number
        )
        return text, match.end()
    for each in _FOUND:
        if match := _pattern(each).match(detail):
            return each.fill(**match.groupdict()), match.end()
    return None


def _remedy(said: str) -> Words | None:
    """The sentences about what to do. None if they are not recognized."""
    if match := _SEND_WITHOUT.fullmatch(said):
        things = _things(match["things"])
        return None if things is None else say("Send the key without {things}.", things=listed(things))
    without: Sequence[Words] | None = ()
    if match := _LEAVE_OUT.search(said):
        said, without = f"{said[: match.start()]}.", _things(match["things"])
    remedy = next((found for each in _REMEDIES if (found := _filled(each, said)) is not None), None)
    if remedy is None or without is None:
        return None
    return sentences(remedy, say("Leave out {things}.", things=listed(without)) if without else None)


def _things(said: str) -> list[Words] | None:
    known: list[Words] = [_WITHOUT[each] for each in said.split(" and ") if each in _WITHOUT]
    return known if len(known) == len(said.split(" and ")) else None


def _filled(sentence: Template, said: str) -> Text | None:
    """The sentence with the words that are in its slots, or None if something else was said."""
    match = _pattern(sentence).fullmatch(said)
    return None if match is None else sentence.fill(**match.groupdict())


def _pattern(sentence: Template) -> re.Pattern[str]:
    """Matches the sentence. A slot at its end, before a full stop, takes no full stop."""
    return re.compile("".join(_parts(SLOT.split(sentence.message))))


def _parts(pieces: Sequence[str]) -> Iterable[str]:
    for place, piece in enumerate(pieces):
        yield rf"(?P<{piece}>.+?)" if place % 2 else re.escape(piece)
