"""
Data that a person may not see has no influence on their answers: with the data and after its removal, every answer is
the same.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import delete, or_, update
from sqlmodel import col

from assistant.diagnose import state_after
from assistant.explain.diagnosis import Case
from assistant.facts.asker import Asker
from assistant.facts.conversation_state import ConversationState
from assistant.facts.question import Inquiry
from assistant.pipeline import diagnose_message
from assistant.redaction.redact import redact
from assistant.reply.render import to_stored, written
from assistant.reply.stored_answer import to_json
from keys.policy import OPERATOR, Scope
from keys.token import hint_of
from models import ApiKey, AuditEvent, Conversation, Organization, RefusedRequest, UsageHour
from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from models.key_queries import ApiKeyRecord
from models.usage.refused_request import RefusedReason
from resolvers.api_keys import delete_api_key, rotate_api_key
from resolvers.creation.create_api_key import create_api_key
from resolvers.services import Issued, KeyServices
from tests.conftest import Clock
from tests.support.assistant.client import ASK
from tests.support.assistant.on_database import Helpdesk, running_assistant
from tests.support.client import Site, open_site
from tests.support.keys.disguises import WHOLE
from tests.support.thorough import thorough
from tests.support.usage.rows import caller, hour_of, refused, store
from tests.support.world import World

pytestmark = pytest.mark.slow

PROBES = thorough(9_750, 750)
PROBES_OF_A_MEMBER = thorough(2_500, 250)
PROBES_OVER_GRAPHQL = thorough(1_000, 150)
NAMES = (
    "zephyr billing",
    "Kestrel ingest",
    "nightly-export",
    "partner.api",
    "checkout mobile",
    "warehouse",
    "401",
    "key",
)
QUESTIONS = (
    "Why does {name} get a 401?",
    "Why do calls with the key “{name}” fail?",
    "Who deleted the key {name}?",
    "Who uses {name}? From which address?",
    "Does the key {name} exist, and does it work?",
    "{name} gets 429 since this morning",
    "How often was {name} used today?",
    "I lost the secret of {name}",
    "Rename {name}, please",
    "Is {name} an organization-level key?",
    "Does {hint} still work?",
    "My log says {hint} was refused. Why?",
    "Delete {hint}",
    "{hint}",
    "{name}",
    "{id}",
    "What is {id}?",
    "Why was {request} refused?",
    "{request}",
    "403 with {request}, the agent is {agent}",
    "Which key does {agent} have?",
    "Show me the keys of {organization}",
    "Which of {name} and {hint} is in trouble?",
    "And the other one?",
    "Why?",
    "the second one",
    "Which keys are refused?",
    "What happened to our keys yesterday?",
    "Have we got a free slot?",
)
WITH_KEYS = (
    "Why 401? {key}",
    "Is this one of ours: {key}",
    "I pushed {key} to GitHub",
    "Who deleted {key}?",
    "{key}",
)


class Known(NamedTuple):
    """A key that another person may see, with its secrets and request ids."""

    record: ApiKeyRecord
    secrets: Sequence[str]
    request_ids: Sequence[UUID]


class Probe(NamedTuple):
    """One message to the assistant."""

    message: str
    looking_at: str | None
    request_id: str | None
    goes_on: bool


@dataclass(frozen=True, slots=True)
class Strangers:
    """Keys of one organization with their usage, and a way to remove every trace of them."""

    services: KeyServices
    organization: Organization
    agent_id: UUID
    keys: list[Known]

    async def vanish(self) -> None:
        """Deletes the rows as if they had never existed; the slots stay taken."""
        ids = [each.record.id for each in self.keys]
        requests = [each for known in self.keys for each in known.request_ids]
        async with self.services.database.transaction() as session:
            row = await session.get(Organization, self.organization.id)
            assert row is not None
            await session.execute(delete(AuditEvent).where(col(AuditEvent.api_key_id).in_(ids)))
            await session.execute(delete(UsageHour).where(col(UsageHour.key_id).in_(ids)))
            await session.execute(
                delete(RefusedRequest).where(
                    or_(col(RefusedRequest.key_id).in_(ids), col(RefusedRequest.request_id).in_(requests))
                )
            )
            await session.execute(delete(ApiKey).where(col(ApiKey.id).in_(ids)))
            of_organization = col(Organization.id) == self.organization.id
            await session.execute(update(Organization).where(of_organization).values(live_key_count=row.live_key_count))


async def strangers(services: KeyServices, organization: Organization, agent_id: UUID, now: Any) -> Strangers:
    """Eight keys: active, rotated and deleted, of the organization and of its agent, all with refused calls."""
    known: list[Known] = []
    for number, name in enumerate(NAMES):
        of_agent = number % 2 == 1
        issued: Issued = await create_api_key(
            services,
            OPERATOR,
            organization_id=organization.id,
            name=name,
            scope=Scope.AGENT if of_agent else Scope.ORGANIZATION,
            agent_id=agent_id if of_agent else None,
        )
        secrets, record = [issued.secret.reveal()], issued.record
        if number % 3 == 1:
            issued = await rotate_api_key(services, OPERATOR, key_id=record.id, overlap_seconds=0)
            secrets.append(issued.secret.reveal())
        if number % 3 == 2:
            await delete_api_key(services, OPERATOR, key_id=record.id)
        reason = (RefusedReason.RATE_LIMITED, RefusedReason.REPLACED_SECRET, RefusedReason.DELETED_KEY)[number % 3]
        rows = [refused(record.id, reason, at=now - timedelta(minutes=each), agent_id=agent_id) for each in range(3)]
        hour = now.replace(minute=0, second=0, microsecond=0)
        counts = {str(reason): 37, "allowed": 5}
        await store(services.database, *rows, hour_of(record.id, hour, **counts), caller(record.id))
        known.append(Known(record, secrets, [row.request_id for row in rows]))
    return Strangers(services, organization, agent_id, known)


def probes(about: Strangers, number: int, *, with_keys: bool = True) -> Iterator[Probe]:
    """This many random probes, the same at each call."""
    random = Random(6)
    disguises = sorted(WHOLE)
    for _ in range(number):
        known = random.choice(about.keys)
        secret = random.choice(known.secrets)
        key = WHOLE[random.choice(disguises)](secret, random) if random.random() < 0.3 else secret
        words = random.choice(QUESTIONS if not with_keys or random.random() < 0.75 else WITH_KEYS)
        key_id, request_id = (
            external_id(Prefix.API_KEY, known.record.id),
            external_id(Prefix.REQUEST, random.choice(known.request_ids)),
        )
        message = words.format(
            name=known.record.name,
            hint=hint_of(known.record),
            id=key_id,
            request=request_id,
            agent=random.choice(["Theirs", external_id(Prefix.AGENT, about.agent_id)]),
            organization=random.choice(["Globex", external_id(Prefix.ORGANIZATION, about.organization.id)]),
            key=key,
        )
        yield Probe(
            message[:4000],
            key_id if random.random() < 0.15 else None,
            request_id if random.random() < 0.1 else None,
            random.random() < 0.3,
        )


async def told(helpdesk: Helpdesk, asker: Asker, asked: Iterator[Probe]) -> list[str]:
    """The assistant's complete answer to each probe."""
    answers: list[str] = []
    state: ConversationState | None = None
    for probe in asked:
        redacted = redact(probe.message, ("kd",))
        inquiry = Inquiry(
            redacted.text,
            redacted.pieces,
            may_look_up={piece.public_id for piece in redacted.pieces if piece.public_id},
            looking_at=probe.looking_at,
            request_id=probe.request_id,
            state=state if probe.goes_on else None,
        )
        assistant = helpdesk.assistant
        came = await diagnose_message(assistant.knowledge, assistant.possessions, asker, inquiry, assistant.clock())
        state = state_after(came.answered, came.facts)
        title_of = assistant.knowledge.documents.title
        diagnosis = came.answered.diagnosis
        answer = (
            to_json(to_stored(diagnosis, came.language, title_of)),
            written(diagnosis, came.language, title_of),
            came.answered[1:],
        )
        answers.append(f"{answer} {state}")
    return answers


@pytest.fixture
async def helpdesk(database: Database, world: World, clock: Clock) -> AsyncIterator[Helpdesk]:
    """The assistant of Acme and Globex."""
    async with running_assistant(database, world, clock) as opened:
        yield opened


async def _before_and_after(helpdesk: Helpdesk, asker: Asker, about: Strangers, number: int, **more: bool) -> int:
    """How many of the answers differ after the strangers' rows are removed."""
    before = await told(helpdesk, asker, probes(about, number, **more))
    await about.vanish()
    after = await told(helpdesk, asker, probes(about, number, **more))
    asked = probes(about, number, **more)
    differ = [(probe, a, b) for probe, a, b in zip(asked, before, after, strict=True) if a != b]
    assert len(before) == number
    for probe, there, gone in differ[:3]:
        print(f"{probe}\n  there: {there}\n  gone:  {gone}")  # noqa: T201 - what a failure is to show
    return len(differ)


async def test_another_organization_is_not_there(
    helpdesk: Helpdesk, services: KeyServices, world: World, clock: Clock
) -> None:
    """
    Its keys named, hinted at, pasted whole in every way, its request ids, agents and its own id: an organization admin
    gets the same answers as if that organization's data had never existed.
    """
    about = await strangers(services, world.globex, world.theirs.id, clock.now)

    differ = await _before_and_after(helpdesk, await helpdesk.asker("ada"), about, PROBES)

    assert differ == 0


async def test_who_is_in_both_asks_in_one(
    helpdesk: Helpdesk, services: KeyServices, world: World, clock: Clock
) -> None:
    """A member of the other organization gets nothing of it while asking in this one."""
    about = await strangers(services, world.globex, world.theirs.id, clock.now)

    differ = await _before_and_after(helpdesk, await helpdesk.asker("grace", "acme"), about, PROBES_OF_A_MEMBER)

    assert differ == 0


@pytest.mark.parametrize("name", ["grace", "mel"])
async def test_what_ones_role_may_not_see_is_not_there(
    helpdesk: Helpdesk, services: KeyServices, world: World, clock: Clock, name: str
) -> None:
    """Invisible keys of the person's own organization: unless pasted whole, they have no influence."""
    about = await strangers(services, world.acme, world.other.id, clock.now)

    differ = await _before_and_after(helpdesk, await helpdesk.asker(name), about, PROBES_OF_A_MEMBER, with_keys=False)

    assert differ == 0


async def test_who_may_know_is_told(helpdesk: Helpdesk, services: KeyServices, world: World, clock: Clock) -> None:
    """The organization's own admin gets other answers to the same questions while the keys exist."""
    about = await strangers(services, world.globex, world.theirs.id, clock.now)

    differ = await _before_and_after(helpdesk, await helpdesk.asker("eve", "globex"), about, 150)

    assert differ > 100


async def test_possession_tells_the_state_and_the_day(
    helpdesk: Helpdesk, services: KeyServices, world: World, clock: Clock
) -> None:
    """A member who pastes a key of their organization gets its state, but no name, no person, no hour."""
    clock.now = clock.now.replace(hour=16, minute=47)
    about = await strangers(services, world.acme, world.other.id, clock.now)

    clock.advance(days=1, hours=1)
    cases: set[Case] = set()
    for known in about.keys:
        for secret in known.secrets:
            answer = await helpdesk.ask(f"Why 401? {secret}", name="mel")
            clock.advance(minutes=10)
            message = answer.given.message
            cases.add(Case(f"{message.diagnosis_case}"))
            said = f"{message.text} {message.answer}"
            assert message.key_id is None
            assert "16:47" not in said
            assert external_id(Prefix.API_KEY, known.record.id) not in said
            if known.record.name not in {"401", "key", "depot"}:
                assert known.record.name not in said

    assert cases == {Case.KEY_WORKS, Case.KEY_DELETED, Case.SECRET_REPLACED}


@pytest.fixture
async def peopled(database_address: str, clock: Clock) -> AsyncIterator[Site]:
    """The whole application, with Acme and Globex."""
    async with open_site(database_address, clock) as opened:
        yield opened


async def test_another_organization_is_not_there_over_graphql(peopled: Site, clock: Clock) -> None:
    """Through the whole application, as one conversation, with its stored and shown text."""
    services, world = peopled.app._services, peopled.world
    about = await strangers(services, world.globex, world.theirs.id, clock.now)
    # The wait for requests that are not written yet is the same for all, and long.
    assistant = peopled.app._assistant
    peopled.app._assistant = replace(assistant, knowledge=replace(assistant.knowledge, wait_seconds=0))
    ada, began = await peopled.person("ada"), clock.now

    async def answers() -> list[dict[str, Any]]:
        clock.now = began
        conversation_id: str | None = None
        came = []
        for probe in probes(about, PROBES_OVER_GRAPHQL):
            clock.advance(minutes=8)
            asked = {
                "organizationId": peopled.organization("acme"),
                "message": probe.message,
                "conversationId": conversation_id,
                "apiKeyId": probe.looking_at,
                "requestId": probe.request_id,
            }
            value = (await ada.graphql(ASK, input=asked)).value
            conversation_id = value["conversation"].pop("id") if probe.goes_on else None
            value["conversation"].pop("id", None)
            value["message"].pop("id")
            came.append(value)
        return came

    before = await answers()
    await about.vanish()
    async with peopled.database.transaction() as session:
        await session.execute(delete(Conversation))
    after = await answers()

    assert len(before) == PROBES_OVER_GRAPHQL
    assert before == after
    cases = {value["message"]["diagnosis"]["case"] for value in before}
    assert cases >= {"KEY_UNKNOWN", "NEEDS_DETAILS"}
