"""Who may do what, by the table: every role, action, scope, agent and organization."""

from dataclasses import replace
from itertools import product
from uuid import UUID

import pytest

from keys import policy
from keys.policy import KEY_ACTIONS, OPERATOR, Action, Actor, RoleGrant, Scope
from keys.refusals import Forbidden
from models.person import Role

HERE, ELSEWHERE = UUID(int=1), UUID(int=2)
OWN_AGENT, OTHER_AGENT = UUID(int=11), UUID(int=12)
SUBJECTS = [(Scope.ORGANIZATION, None), (Scope.AGENT, OWN_AGENT), (Scope.AGENT, OTHER_AGENT)]


def somebody(role: Role) -> Actor:
    return Actor(UUID(int=100), {HERE: RoleGrant(role, frozenset({OWN_AGENT}))})


def expected(role: Role, action: Action, scope: Scope, agent_id: UUID | None) -> bool:
    """The requirements: admins everything, agent admins their agents' keys, members nothing with keys."""
    if role is Role.ORGANIZATION_ADMIN:
        return True
    if action is Action.SEE_ORGANIZATION:
        return True
    return role is Role.AGENT_ADMIN and scope is Scope.AGENT and agent_id == OWN_AGENT


@pytest.mark.parametrize(("role", "action", "subject"), list(product(Role, Action, SUBJECTS)))
def test_a_role_reaches_just_what_the_brief_gives_it(
    role: Role, action: Action, subject: tuple[Scope, UUID | None]
) -> None:
    """In the person's organization the table matches the requirements, and require() agrees with may()."""
    scope, agent_id = subject
    actor = somebody(role)

    allowed = policy.may(actor, action, HERE, scope=scope, agent_id=agent_id)

    assert allowed is expected(role, action, scope, agent_id)
    if not allowed:
        with pytest.raises(Forbidden, match="Ask an organization admin"):
            policy.require(actor, action, HERE, scope=scope, agent_id=agent_id)


@pytest.mark.parametrize(("role", "action", "subject"), list(product(Role, Action, SUBJECTS)))
def test_nobody_reaches_another_organization(role: Role, action: Action, subject: tuple[Scope, UUID | None]) -> None:
    """A role in one organization gives nothing in another."""
    scope, agent_id = subject

    assert not policy.may(somebody(role), action, ELSEWHERE, scope=scope, agent_id=agent_id)
    assert policy.visible_agents(somebody(role), action, ELSEWHERE) == frozenset()


def test_a_person_in_two_organizations_has_two_roles() -> None:
    """The admin of one organization gets nothing in another, where they are a member."""
    actor = Actor(UUID(int=100), {HERE: RoleGrant(Role.ORGANIZATION_ADMIN), ELSEWHERE: RoleGrant(Role.MEMBER)})

    assert policy.may(actor, Action.CREATE_KEY, HERE, scope=Scope.ORGANIZATION)
    assert not policy.may(actor, Action.CREATE_KEY, ELSEWHERE, scope=Scope.ORGANIZATION)


@pytest.mark.parametrize(("action", "subject"), list(product(Action, SUBJECTS)))
def test_the_operator_may_do_everything(action: Action, subject: tuple[Scope, UUID | None]) -> None:
    """No role binds the command line."""
    scope, agent_id = subject

    assert policy.may(OPERATOR, action, HERE, scope=scope, agent_id=agent_id)
    assert policy.visible_agents(OPERATOR, action, HERE) is None


@pytest.mark.parametrize("action", sorted(KEY_ACTIONS))
def test_the_check_without_a_row_agrees_with_the_table(action: Action) -> None:
    """It refuses exactly what no row could allow."""
    for role, scope in product(Role, Scope):
        actor = somebody(role)
        some_row = any(
            policy.may(actor, action, HERE, scope=scope, agent_id=agent_id)
            for of_scope, agent_id in SUBJECTS
            if of_scope is scope
        )

        assert policy.may_with_some_key(actor, action, HERE, scope) is some_row
    assert not policy.manages_keys_somewhere(somebody(Role.MEMBER), action)
    assert policy.manages_keys_somewhere(somebody(Role.AGENT_ADMIN), action)


def test_what_may_be_read_is_bounded_by_the_agents_administered() -> None:
    """An organization admin sees all keys, an agent admin those of their agents, a member none."""
    assert policy.visible_agents(somebody(Role.ORGANIZATION_ADMIN), Action.SEE_KEY, HERE) is None
    assert policy.visible_agents(somebody(Role.AGENT_ADMIN), Action.SEE_KEY, HERE) == frozenset({OWN_AGENT})
    assert policy.visible_agents(somebody(Role.MEMBER), Action.SEE_KEY, HERE) == frozenset()


def test_a_role_left_out_of_the_table_may_nothing() -> None:
    """Denied unless listed: an action missing from a role's grants is refused."""
    assert Action.DELETE_KEY not in policy.GRANTS[Role.MEMBER]
    assert not policy.may(somebody(Role.MEMBER), Action.DELETE_KEY, HERE, scope=Scope.AGENT, agent_id=OWN_AGENT)


@pytest.mark.parametrize("actor", [Actor(person_id=None), replace(OPERATOR, address="203.0.113.7")])
def test_a_forgotten_id_is_not_the_operator(actor: Actor) -> None:
    """An actor without an id may do nothing: only the value OPERATOR stands for the command line."""
    assert not actor.is_operator
    for action, (scope, agent_id) in product(Action, SUBJECTS):
        assert not policy.may(actor, action, HERE, scope=scope, agent_id=agent_id)
        assert not policy.may_with_some_key(actor, action, HERE, scope)
        assert not policy.manages_keys_somewhere(actor, action)
        assert policy.visible_agents(actor, action, HERE) == frozenset()
