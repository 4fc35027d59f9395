"""How people are found by email address, and their memberships."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import Membership, Person, Role
from models.engine.database import Database
from models.person import EMAIL_LENGTH_AT_MOST, canonical_email, memberships_of, person_by_email
from tests.support.world import THEN, World


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("ada@example.com", "ada@example.com"),
        (" Ada@Example.COM\n", "ada@example.com"),
        ("ａｄａ@example.com", "ada@example.com"),
        ("JOSE\u0301@example.com", "josé@example.com"),
    ],
)
def test_an_address_is_found_however_it_is_typed(text: str, canonical: str) -> None:
    """White space, case and Unicode's compatibility forms are ignored."""
    assert canonical_email(text) == canonical


@given(st.text(st.characters(exclude_categories=[]), max_size=14))
def test_the_canonical_form_is_final_and_storable(text: str) -> None:
    """The canonical form has no NUL and no half of a surrogate pair, and is its own canonical form."""
    canonical = canonical_email(text)

    assert canonical_email(canonical) == canonical
    assert "\x00" not in canonical
    assert canonical.encode().decode() == canonical


def test_an_address_that_no_row_can_hold_stays_too_long() -> None:
    """An address longer than the column is cut to one character too long, so it can't match another person's."""
    assert len(canonical_email("a" * (EMAIL_LENGTH_AT_MOST + 1))) == EMAIL_LENGTH_AT_MOST + 1
    assert len(canonical_email("a" * 300_000)) == EMAIL_LENGTH_AT_MOST + 1


@pytest.mark.parametrize("text", ["ada@example.com\x00", "\ud800ada@example.com", "a" * 300, ""])
async def test_any_text_can_be_looked_up(database: Database, world: World, text: str) -> None:
    """Texts that the database can't store, or that are no address, find nobody and cause no error."""
    async with database.reading() as session:
        assert await person_by_email(session, canonical_email(text)) is None


async def test_memberships_are_listed_with_the_agents_administered(database: Database, world: World) -> None:
    """Memberships are sorted by organization. Deleted agents are included, deleted organizations are not."""
    async with database.transaction() as session:
        world.globex.deleted_at = THEN
        session.add(world.globex)
        session.add(
            Membership(organization_id=world.globex.id, person_id=world.ada.id, role=Role.MEMBER, created_at=THEN)
        )

    async with database.reading() as session:
        of_grace = await memberships_of(session, world.grace.id)
        of_ada = await memberships_of(session, world.ada.id)
        of_nobody = await memberships_of(session, Person(email="", name="", created_at=THEN).id)

    assert [(each.organization.name, each.role, each.agent_ids) for each in of_grace] == [
        ("Acme", Role.AGENT_ADMIN, frozenset({world.own.id, world.retired.id}))
    ]
    assert [(each.organization.id, each.role, each.agent_ids) for each in of_ada] == [
        (world.acme.id, Role.ORGANIZATION_ADMIN, frozenset())
    ]
    assert of_nobody == []
