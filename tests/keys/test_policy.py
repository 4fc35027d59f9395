"""Who may do what, by the table: every role, action, scope, agent and organization."""

from dataclasses import replace
from itertools import product
from uuid import UUID

import pytest

from keys import policy
from keys.policy import KEY_ACTIONS, OPERATOR, Action, Actor, Program, Right, RoleGrant, Scope
from keys.refusals import Forbidden
from models.person import Role

HERE, ELSEWHERE = UUID(int=1), UUID(int=2)
OWN_AGENT, OTHER_AGENT = UUID(int=11), UUID(int=12)
ASK_ADMIN = "Ask an organization admin"
OF_ADMINS = {
    Action.MANAGE_MEMBERS,
    Action.REMOVE_MEMBERS,
    Action.MANAGE_AGENTS,
    Action.DELETE_AGENTS,
    Action.MANAGE_TOKENS,
    Action.CHANGE_ORGANIZATION,
    Action.MANAGE_WEBHOOKS,
    Action.MANAGE_NOTIFICATIONS,
}
SUBJECTS = [(Scope.ORGANIZATION, None), (Scope.AGENT, OWN_AGENT), (Scope.AGENT, OTHER_AGENT)]


def somebody(role: Role) -> Actor:
    return Actor(UUID(int=100), {HERE: RoleGrant(role, frozenset({OWN_AGENT}))})


def expected(role: Role, action: Action, scope: Scope, agent_id: UUID | None) -> bool:
    """
    The requirements: admins everything but what the operator's programs do, agent admins their agents' keys, members
    nothing with keys or people.
    """
    if action in {Action.PROVISION, Action.SIGN_PEOPLE_IN}:
        return False
    if role is Role.ORGANIZATION_ADMIN:
        return True
    if action is Action.SEE_ORGANIZATION:
        return True
    if action in OF_ADMINS:
        return False
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
        with pytest.raises(Forbidden, match=ASK_ADMIN if role is not Role.ORGANIZATION_ADMIN else None):
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


def service_token(role: Role) -> Actor:
    roles = {HERE: RoleGrant(role, frozenset({OWN_AGENT}))}
    return Actor(None, roles, program=Program(UUID(int=200), "deploy-bot"))


def operator_token(*rights: Right) -> Actor:
    return Actor(None, program=Program(UUID(int=201), "host", frozenset(rights)))


@pytest.mark.parametrize(
    ("role", "action", "subject"), list(product((Role.ORGANIZATION_ADMIN, Role.AGENT_ADMIN), Action, SUBJECTS))
)
def test_a_service_token_reaches_keys_and_the_audit_log_as_its_role_does(
    role: Role, action: Action, subject: tuple[Scope, UUID | None]
) -> None:
    """Never people, agents or tokens, whatever its role; nothing elsewhere; and it is not the operator."""
    scope, agent_id = subject
    actor = service_token(role)
    allowed = {Action.SEE_ORGANIZATION, Action.SEE_AUDIT_LOG, *KEY_ACTIONS}

    may = policy.may(actor, action, HERE, scope=scope, agent_id=agent_id)

    assert may is (action in allowed and expected(role, action, scope, agent_id))
    assert not policy.may(actor, action, ELSEWHERE, scope=scope, agent_id=agent_id)
    assert not actor.is_operator
    if action not in allowed:
        with pytest.raises(Forbidden, match="A service token"):
            policy.require_everywhere(actor, action, ELSEWHERE)
        with pytest.raises(Forbidden, match="A service token"):
            policy.require_somewhere(actor, action)


ALLOWED = {
    Right.PROVISION: {Action.PROVISION, Action.REMOVE_MEMBERS, Action.DELETE_AGENTS},
    Right.SIGN_IN: {Action.SIGN_PEOPLE_IN},
}


@pytest.mark.parametrize("rights", [(), (Right.PROVISION,), (Right.SIGN_IN,), tuple(Right)])
@pytest.mark.parametrize("action", Action)
def test_an_operator_token_does_what_its_rights_name(rights: tuple[Right, ...], action: Action) -> None:
    """In every organization, and nothing else anywhere: it has no role, and is not the operator."""
    actor = operator_token(*rights)
    allowed = any(action in ALLOWED[right] for right in rights)

    assert policy.may_everywhere(actor, action, ELSEWHERE) is allowed
    assert policy.may(actor, action, HERE, scope=Scope.AGENT, agent_id=OWN_AGENT) is allowed
    assert policy.may_somewhere(actor, action) is allowed
    assert not policy.manages_keys_somewhere(actor, Action.SEE_KEY)
    assert not actor.is_operator
    if allowed:
        policy.require_right(actor, action)
    else:
        for refuse in (policy.require_right, policy.require_somewhere):
            with pytest.raises(Forbidden, match="operator token"):
                refuse(actor, action)
        with pytest.raises(Forbidden, match="operator token"):
            policy.require_everywhere(actor, action, HERE)


@pytest.mark.parametrize("action", [Action.PROVISION, Action.SIGN_PEOPLE_IN])
@pytest.mark.parametrize("actor", [*map(somebody, Role), service_token(Role.ORGANIZATION_ADMIN)])
def test_what_the_operator_s_programs_do_no_role_allows(actor: Actor, action: Action) -> None:
    """People and service tokens are refused; the operator is not."""
    policy.require_right(OPERATOR, action)
    with pytest.raises(Forbidden):
        policy.require_right(actor, action)


def test_only_an_operator_token_has_no_roles() -> None:
    """It is refused where roles are needed. What it does is counted under its token, as a service token's."""
    program, host = service_token(Role.AGENT_ADMIN), operator_token(Right.PROVISION)

    policy.require_roles(program)
    policy.require_roles(somebody(Role.MEMBER))
    with pytest.raises(Forbidden):
        policy.require_roles(host)
    assert [each.counted_as for each in (program, host, somebody(Role.MEMBER), OPERATOR)] == [
        UUID(int=200),
        UUID(int=201),
        UUID(int=100),
        None,
    ]
