"""What a person's groups make of them in one organization."""

from collections.abc import Sequence

from models import Role
from models.agent import Agent
from models.sso.group_mapping import MappedGroup
from resolvers.sso.membership import Standing, standing_by
from tests.support.world import THEN, World


def mapping(world: World, group: str, role: Role, agents: Sequence[Agent] = ()) -> MappedGroup:
    return MappedGroup(world.acme.id, "Acme", group, role, agents)


def test_the_role_with_the_most_rights_wins(acme: World) -> None:
    """Agents of groups with a lesser role don't count."""
    one, other = (Agent(organization_id=acme.acme.id, name=name, created_at=THEN) for name in ("b", "a"))
    mappings = [
        mapping(acme, "m", Role.MEMBER),
        mapping(acme, "x", Role.AGENT_ADMIN, [one]),
        mapping(acme, "y", Role.AGENT_ADMIN, [other, one]),
        mapping(acme, "o", Role.ORGANIZATION_ADMIN),
    ]

    assert standing_by(mappings, []) is None
    assert standing_by(mappings, ["z"]) is None
    assert standing_by(mappings, ["m"]) == Standing(Role.MEMBER)
    assert standing_by(mappings, ["x", "m", "o", "y"]) == Standing(Role.ORGANIZATION_ADMIN)
    both = standing_by(mappings, ["y", "m", "x"])
    assert both is not None
    assert (both.role, [agent.name for agent in both.agents]) == (Role.AGENT_ADMIN, ["a", "b"])
