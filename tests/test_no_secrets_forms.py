"""Nothing of a pasted key is stored, mailed or logged, in any form in which people print keys."""

from io import StringIO

import pytest
from sqlalchemy import select
from sqlmodel import col

from models.support.message import Message
from models.support.ticket import Ticket
from tests.assistant.redaction.test_own_secrets import ONE_TIME, SESSION
from tests.assistant.redaction.test_redact_forms import left_of
from tests.conftest import Clock
from tests.support.assistant.client import CONTACT, CONVERSATION, CONVERSATIONS, Person, person
from tests.support.client import Site
from tests.support.keys.pasted_forms import FORMS
from tests.test_no_secrets import log

pytestmark = pytest.mark.slow

__all__ = ["log"]
EVERY = 11
"""Every eleventh form is tried here; the others are tried without a database."""


async def hand_over(who: Person, clock: Clock, conversation_id: str | None, note: str) -> None:
    """Creates a ticket, below the limit on tickets."""
    clock.advance(minutes=10)
    await who.client.graphql(
        CONTACT, organizationId=who.site.organization("acme"), conversationId=conversation_id, note=note
    )


async def kept(site: Site) -> list[str]:
    """Every message, question and answer, and every ticket as it is mailed."""
    async with site.database.reading() as session:
        messages = (await session.execute(select(col(Message.text)))).scalars().all()
        tickets = (await session.execute(select(col(Ticket.subject) + "\n" + col(Ticket.body)))).scalars().all()
    return [*messages, *tickets]


@pytest.mark.parametrize("first", range(3))
async def test_nothing_of_a_key_in_a_form_is_kept_mailed_or_logged(
    site: Site, clock: Clock, log: StringIO, first: int
) -> None:
    """As a message, as a note, in the title of a conversation and in the mailed ticket."""
    ada = await person(site, "ada")
    secret = (await ada.client.create(site.organization("acme"))).value["secret"]
    names = sorted(FORMS)[first * 3 :: EVERY * 3]

    for place, name in enumerate(names):
        clock.advance(minutes=8)
        told = await ada.told(f"{FORMS[name](secret)}\nWhy do I get a 401?"[:4000])
        if place % 4 == 0:
            await hand_over(ada, clock, told["conversation"]["id"], FORMS[name](secret)[:2000])
        conversation = (await ada.client.graphql(CONVERSATION, id=told["conversation"]["id"])).value
        assert left_of(secret, conversation["title"]) == [], name
        assert left_of(secret, conversation["messages"][0]["text"]) == [], name
    titles = await ada.client.graphql(CONVERSATIONS, id=site.organization("acme"))

    texts = await kept(site)
    assert len(texts) > 2 * len(names)
    assert {text: left for text in texts if (left := left_of(secret, text))} == {}
    assert left_of(secret, titles.response.text) == []
    assert left_of(secret, log.getvalue()) == []


async def test_nothing_of_our_own_cookies_and_passwords_is_kept_or_mailed(site: Site, clock: Clock) -> None:
    """Copied from a browser's developer tools, or from a note with a one-time password."""
    ada = await person(site, "ada")
    pasted = f"keydesk_session\t{SESSION}\tkeys.example.com\nmy one-time password {ONE_TIME} does not work"

    told = await ada.told(pasted)
    await hand_over(ada, clock, told["conversation"]["id"], pasted)
    await hand_over(ada, clock, None, pasted)

    texts = await kept(site)
    assert len([text for text in texts if "[cookie]" in text and "[password]" in text]) == 3
    assert not any(SESSION[:8] in text or ONE_TIME[:5] in text for text in texts)
