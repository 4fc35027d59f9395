"""Nothing of a key that is pasted to the assistant is logged, traced, answered or stored, however it is sent."""

from io import StringIO
from random import Random
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from tests.conftest import Clock
from tests.support.assistant.client import (
    ASK,
    CONTACT,
    CONVERSATION,
    CONVERSATIONS,
    DIAGNOSE,
    LISTEN,
    RATE,
    Person,
    person,
)
from tests.support.client import Site
from tests.support.http.sse_listener import Listener
from tests.support.keys.disguises import SECRET_IN_A_ROW, WHOLE, survivors
from tests.support.servers.small_servers import SmallServer
from tests.test_no_secrets import (
    Eavesdropper,
    change_keys,
    collector,
    heard,
    log,
    office,
    secretive,
    sent_spans,
    stored,
)

pytestmark = pytest.mark.slow

__all__ = ["collector", "heard", "log", "office", "secretive"]
PARTS_AT_LEAST = SECRET_IN_A_ROW + 4
"""So many consecutive characters of a secret are not in a database of this size by chance."""


def parts_of(secrets: list[str]) -> set[str]:
    """The substrings of this length of the keys' secrets."""
    tails = [secret.rsplit("_", 1)[1] for secret in secrets]
    return {tail[start : start + PARTS_AT_LEAST] for tail in tails for start in range(len(tail) - PARTS_AT_LEAST + 1)}


class Paster:
    """Pastes keys into every field, below the limit on questions, and records the answers."""

    def __init__(self, who: Person, clock: Clock, heard: Eavesdropper) -> None:
        self._who = who
        self._clock = clock
        self._heard = heard
        self._acme = who.site.organization("acme")
        self.codes: set[str] = set()

    async def paste(self, asking: Any) -> None:
        """Sends a question, as a mutation and as a subscription."""
        self._clock.advance(minutes=16)
        answer = await self._who.client.graphql(ASK, input=asking)
        self.codes.update(answer.codes)
        listener = self._listen(LISTEN, asking)
        events = await listener.end()
        self.codes.update(code for event in events[:-1] for code in event.codes)
        self._heard.answers.append(listener.received.decode())

    async def ask(self, document: str, **variables: Any) -> None:
        """Sends another document."""
        answer = await self._who.client.graphql(document, **variables)
        self.codes.update(answer.codes)

    async def converse(self, secrets: list[str]) -> None:
        """Sends the key in every disguise, as a message and as a note."""
        random = Random(6)
        for number, (_, disguise) in enumerate(sorted(WHOLE.items())):
            pasted = disguise(secrets[number % len(secrets)], random)[:4000]
            await self.paste({"organizationId": self._acme, "message": f"Why do I get a 401?\n{pasted}"})
            if number % 8 == 0:
                self._clock.advance(hours=6)
                await self.ask(CONTACT, organizationId=self._acme, note=pasted[:2000])

    async def put_it_anywhere(self, secret: str) -> None:
        """Sends the key in place of an id, in every field."""
        asking = {"organizationId": self._acme, "message": "Why do I get a 401?"}
        for field in ("organizationId", "clientMessageId", "conversationId", "apiKeyId", "requestId"):
            await self.paste(asking | {field: secret})
            await self.paste(asking | {field: f"key_{secret} {secret}"})
        await self.ask(CONTACT, organizationId=secret, conversationId=secret, note=secret)
        await self.ask(CONTACT, organizationId=self._acme, conversationId=secret, note=secret)
        await self.ask(DIAGNOSE, organizationId=self._acme, requestId=secret)
        await self.ask(DIAGNOSE, organizationId=secret, requestId=secret)
        await self.ask(RATE, id=secret, helpful=True)
        await self.ask(CONVERSATION, id=secret, before=secret)
        await self.ask(CONVERSATIONS, id=self._acme, before=secret)

    async def put_it_wrongly(self, secret: str) -> None:
        """Sends the key in variables that do not fit, and in invalid documents."""
        asking = {"organizationId": self._acme, "message": "Why?"}
        for wrong in (
            secret,
            [secret],
            {"message": secret},
            asking | {"message": [secret]},
            asking | {"message": {secret: secret}},
            asking | {secret: secret},
            asking | {"messages": secret},
            asking | {"apiKeyId": [secret]},
            asking | {"message": secret * 100},
        ):
            await self.paste(wrong)
        for document in (
            f'mutation {{ askAssistant(input: {{organizationId: "org_1", mesage: "{secret}"}}) {{ __typename }} }}',
            f'mutation {{ askAssistant(input: "{secret}") {{ __typename }} }}',
            f'mutation {{ askAssistant(input: {{message: "{secret}) {{ __typename }} }}',
            f'subscription {{ assistantAnswer(input: {{message: "{secret}"}}) {{ __typename }} }}',
            f'subscription {{ a: assistantAnswer(input: "{secret}") {{ __typename }} b: {secret} }}',
        ):
            await self.ask(document)
            listener = self._listen(document)
            await listener.end()
            self._heard.answers.append(listener.received.decode())

    def _listen(self, document: str, asking: Any = None) -> Listener:
        cookies = "; ".join(f"{name}={value}" for name, value in self._who.client.http.cookies.items())
        headers = [(b"cookie", cookies.encode())]
        return Listener(self._who.site.app, document, headers=headers, variables={"input": asking})


async def test_nothing_that_is_pasted_to_the_assistant_stays(
    secretive: Site,
    heard: Eavesdropper,
    log: StringIO,
    collector: SmallServer,
    clock: Clock,
) -> None:
    """
    Active, replaced and deleted keys in every disguise, as messages and as notes, in place of every id, in variables
    that do not fit, and during internal errors: no ten consecutive characters of a secret are logged, traced, answered
    or stored.
    """
    secrets = await change_keys(secretive)
    heard.answers.clear()
    paster = Paster(await person(secretive, "ada"), clock, heard)
    await paster.converse(secrets)
    for secret in secrets:
        await paster.put_it_anywhere(secret)
    await paster.put_it_wrongly(secrets[0])

    async def fail(*_arguments: object, **_named: object) -> None:
        cause = ValueError(f"a duplicate: {secrets[-1]}")
        raise IntegrityError(f"INSERT INTO t VALUES ('{secrets[-1]}')", {"text": secrets[-1]}, cause) from cause

    for place in (
        "resolvers.assistant.diagnose_message",
        "resolvers.stored_questions.keep_question",
        "resolvers.assistant.keep_answer",
    ):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(place, fail)
            message = f"Why 401 {secrets[-1]}"
            await paster.paste({"organizationId": secretive.organization("acme"), "message": message})

    places = {
        "log": log.getvalue(),
        "spans": await sent_spans(secretive, collector),
        "database": await stored(secretive),
        "answers": "\n".join(heard.answers),
    }
    parts = parts_of(secrets)
    assert {place: [part for part in parts if part in said] for place, said in places.items()} == {
        place: [] for place in places
    }
    assert {place: heard.found_in(said) for place, said in places.items()} == {place: [] for place in places}
    assert paster.codes == {
        *("BAD_USER_INPUT", "NOT_FOUND", "INTERNAL_SERVER_ERROR"),
        *("GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"),
    }
    assert "IntegrityError" in places["log"]
    assert all(f"[key {secret[:7]}" in places["database"] for secret in secrets)


async def test_nothing_of_a_disguised_key_can_be_read_back(site: Site, clock: Clock) -> None:
    """The stored and shown text of a message has nothing of the key, however it is decoded."""
    ada, random = await person(site, "ada"), Random(7)
    secret = (await ada.client.create(site.organization("acme"))).value["secret"]

    for _, disguise in sorted(WHOLE.items()):
        clock.advance(minutes=8)
        told = await ada.told(f"Why do I get a 401?\n{disguise(secret, random)}"[:4000])
        conversation = (await ada.client.graphql(CONVERSATION, id=told["conversation"]["id"])).value

        assert survivors(secret, repr(conversation)) == []
