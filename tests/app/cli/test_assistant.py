"""`keydesk assistant report`: counts of answers, ratings and hand-overs, and which ratings count as solved."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from models import RefusedRequest, Ticket, UsageHour
from models.engine.database import Database
from models.engine.ids import Prefix, external_id, new_id
from models.support.message import MessageRecord, rate_message
from models.usage.refused_after import was_refused
from tests.support.assistant.conversations import NOON, answered, asked, begun
from tests.support.command_line import InDatabase, Keydesk
from tests.support.world import World

KEY, OTHER = UUID(int=1), UUID(int=2)
DAY = timedelta(days=1)


async def answer(
    database: Database,
    world: World,
    case: str,
    *,
    at: datetime,
    text: str = "Why 401?",
    is_direct: bool = True,
    key_id: UUID | None = None,
    helpful: bool | None = None,
    rated_at: datetime | None = None,
    **more: Any,
) -> MessageRecord:
    """A question of Mel's with its answer and, if given, its rating."""
    conversation = await begun(database, world.acme, world.mel, at=at)
    question = await asked(database, conversation, text, at=at)
    given = await answered(database, question, at=at, diagnosis_case=case, is_direct=is_direct, key_id=key_id, **more)
    if helpful is not None:
        async with database.transaction() as session:
            await rate_message(session, given.id, world.mel.id, helpful=helpful, at=rated_at or at)
    return question


def request_refused(key_id: UUID, at: datetime) -> RefusedRequest:
    return RefusedRequest(request_id=new_id(), key_id=key_id, reason="deleted_key", at=at)


def counted(form: dict[str, Any], *names: str) -> list[Any]:
    return [form[name] for name in names]


def test_the_report_counts_cases_and_what_people_said(keydesk: Keydesk, acme: World, in_database: InDatabase) -> None:
    """Counts are of the given organization and period. Hand-overs without a conversation are included."""
    now = datetime.now(UTC)

    async def fill(database: Database) -> None:
        for helpful in (True, False, None):
            await answer(database, acme, "key-deleted", at=now - DAY, helpful=helpful)
        await answer(database, acme, "needs-details", at=now - DAY, is_direct=False)
        await answer(database, acme, "how-to", at=now - 40 * DAY)
        async with database.transaction() as session:
            for organization in (acme.acme, acme.globex):
                session.add(
                    Ticket(
                        organization_id=organization.id,
                        person_id=acme.grace.id,
                        created_at=now - DAY,
                        reply_to="grace@example.com",
                        subject="Grace",
                        body="",
                    )
                )

    in_database(fill)

    value = keydesk("assistant", "report", "--organization", "Acme", "--json").value
    longer = keydesk("assistant", "report", "--organization", "Acme", "--days", "90", "--json").value
    other = keydesk("assistant", "report", "--organization", "Globex", "--json").value

    assert value["organizationId"] == external_id(Prefix.ORGANIZATION, acme.acme.id)
    assert counted(value, "days", "answers", "direct", "directShare", "ratedUp", "ratedDown", "handOvers") == [
        *(30, 4, 3, 0.75, 1, 1, 1)
    ]
    assert value["cases"] == [
        {"case": "key-deleted", "answers": 3, "direct": 3, "ratedUp": 1, "ratedDown": 1, "handOvers": 0},
        {"case": "needs-details", "answers": 1, "direct": 0, "ratedUp": 0, "ratedDown": 0, "handOvers": 0},
    ]
    assert counted(longer, "days", "answers") == [90, 5]
    assert counted(other, "answers", "directShare", "handOvers", "cases") == [0, None, 1, []]


def test_solved_is_what_held_for_a_day(keydesk: Keydesk, acme: World, in_database: InDatabase) -> None:
    """Solved means rated up, and no refusal of the key in the next 24 hours. Younger ratings are too early to say."""
    now = datetime.now(UTC)
    long_ago = now - 3 * DAY
    silent, again, early, early_again, later, before = (new_id() for _ in range(6))

    async def fill(database: Database) -> None:
        for key_id in (silent, again, later, before, None):
            await answer(database, acme, "key-deleted", at=long_ago, key_id=key_id, helpful=True)
        for key_id in (early, early_again):
            await answer(database, acme, "key-deleted", at=now - DAY / 2, key_id=key_id, helpful=True)
        await answer(database, acme, "key-deleted", at=long_ago, key_id=new_id(), helpful=False)
        async with database.transaction() as session:
            session.add_all(
                [
                    request_refused(again, long_ago + DAY),
                    request_refused(early_again, now - DAY / 4),
                    request_refused(later, long_ago + DAY + timedelta(seconds=1)),
                    request_refused(before, long_ago),
                ]
            )

    in_database(fill)

    value = keydesk("assistant", "report", "--organization", "Acme", "--json").value

    assert counted(value, "ratedUp", "solved", "refusedAgain", "tooEarlyToSay", "ratedUpWithoutKey") == [7, 3, 2, 1, 1]


@pytest.mark.parametrize(
    ("row", "is_refused"),
    [
        (request_refused(KEY, NOON + timedelta(seconds=1)), True),
        (request_refused(KEY, NOON), False),
        (request_refused(OTHER, NOON + timedelta(seconds=1)), False),
        (UsageHour(key_id=KEY, hour=NOON, rate_limited=1), True),
        (UsageHour(key_id=KEY, hour=NOON, allowed=1), False),
        (UsageHour(key_id=KEY, hour=NOON - timedelta(hours=1), rate_limited=1), False),
        (UsageHour(key_id=KEY, hour=NOON + timedelta(hours=23), replaced_secret=1), True),
        (UsageHour(key_id=KEY, hour=NOON + timedelta(hours=24), deleted_key=1), False),
        (UsageHour(key_id=OTHER, hour=NOON, rate_limited=1), False),
    ],
)
async def test_a_refusal_is_found_by_its_request_or_its_hour(database: Database, row: object, is_refused: bool) -> None:
    """Refused requests may have been dropped; the counts of whole hours within the period also show a refusal."""
    async with database.transaction() as session:
        session.add(row)

    async with database.reading() as session:
        found = await was_refused(session, KEY, after=NOON, until=NOON + DAY)

    assert found is is_refused


async def test_an_hour_that_began_before_says_nothing(database: Database) -> None:
    """The refusals of that hour may all have been before the rating."""
    async with database.transaction() as session:
        session.add(UsageHour(key_id=KEY, hour=NOON, deleted_key=1))

    async with database.reading() as session:
        found = await was_refused(
            session, KEY, after=NOON + timedelta(minutes=1), until=NOON + DAY + timedelta(minutes=1)
        )

    assert not found


def test_what_was_not_understood_is_listed(keydesk: Keydesk, acme: World, in_database: InDatabase) -> None:
    """Scripts get the stored text; people get one shortened line without control characters."""
    now = datetime.now(UTC).replace(microsecond=0)

    async def fill(database: Database) -> list[str]:
        questions = [
            await answer(database, acme, "key-deleted", at=now, text="understood"),
            await answer(database, acme, "off-topic", at=now, text="what's for lunch?", language="en"),
            await answer(
                database,
                acme,
                "needs-details",
                at=now,
                text="it\x1b[2J is\n" + "x" * 200,
                topic="refused",
                language="de",
            ),
        ]
        return [external_id(Prefix.MESSAGE, question.id) for question in questions]

    _, lunch, unclear = in_database(fill)

    value = keydesk("assistant", "report", "--organization", "Acme", "--json").value["notUnderstood"]
    out = keydesk("assistant", "report", "--organization", "Acme").out

    assert [each["messageId"] for each in value] == [unclear, lunch]
    assert value[1] == {
        "messageId": lunch,
        "at": now.isoformat().replace("+00:00", "Z"),
        "text": "what's for lunch?",
        "topic": None,
        "language": "en",
        "case": "off-topic",
    }
    minute = f"{now:%Y-%m-%d %H:%M}"
    assert out.splitlines()[-3:] == [
        "NOT UNDERSTOOD (UTC)  TAKEN FOR  LANGUAGE  MESSAGE",
        f"{minute}      refused    de        it[2J is {'x' * 90}…",
        f"{minute}      –          en        what's for lunch?",
    ]
    assert "\x1b" not in out


def test_the_report_is_told_in_words(keydesk: Keydesk, acme: World, in_database: InDatabase) -> None:
    """The words include the share of direct answers. An organization without answers is reported, too."""
    now = datetime.now(UTC)

    async def fill(database: Database) -> None:
        await answer(database, acme, "key-deleted", at=now - 2 * DAY, key_id=KEY, helpful=True)
        await answer(database, acme, "how-to", at=now, is_direct=False)

    in_database(fill)

    told = keydesk("assistant", "report", "--organization", "Acme", "--days", "7").out
    nothing = keydesk("assistant", "report", "--organization", "Globex").out

    assert told == (
        "The assistant in “Acme”, the last 7 days:\n"
        "  answers      2, of which direct 1 (50%)\n"
        "  rated        1 up, 0 down\n"
        "  solved       1; rated up and refused again: 0, too early to say: 0, about no key: 0\n"
        "  hand-overs   0\n"
        "\n"
        "CASE         ANSWERS  DIRECT  UP  DOWN  HAND-OVERS\n"
        "how-to       1        0       0   0     0\n"
        "key-deleted  1        1       1   0     0\n"
        "\n"
        "Every message was understood.\n"
    )
    assert "The assistant has not answered any message." in nothing
    assert "answers      0, of which direct 0\n" in nothing


def test_an_organization_that_is_none_is_refused(keydesk: Keydesk, acme: World) -> None:
    """The message names the command that lists organizations. Days outside 1 to 90 are wrong usage."""
    run = keydesk("assistant", "report", "--organization", "Nobody's")

    assert (run.status, run.out) == (1, "")
    assert "keydesk organization list" in run.err
    assert [
        keydesk("assistant", "report", "--organization", "Acme", "--days", days).status for days in ("0", "91")
    ] == [*(2, 2)]
