"""The operator's actions, as steps of the state machine, on the database that people and gateways use."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import multiple, precondition, rule

from keys.policy import OPERATOR, Scope
from keys.refusals import KeyLimitReached
from models import Role
from models.engine.ids import Prefix, external_id
from resolvers.api_keys import delete_api_key, rotate_api_key
from resolvers.creation.create_api_key import create_api_key
from resolvers.operator.agents import create_agent, delete_agent
from resolvers.operator.organizations import delete_organization, update_organization
from resolvers.operator.people import add_member, change_member, remove_member
from tests.support.client import PEOPLE
from tests.support.state_machine import model
from tests.support.state_machine.model_checked_site import ModelCheckedSite
from tests.support.state_machine.site_with_model import chosen, email, inside, keys

picks = st.integers(0, 23)
"""An index into the existing objects, modulo their number."""


class OperatorRules(ModelCheckedSite):
    """Each action takes effect at once for everybody, in every open session."""

    @precondition(lambda self: self.living_organizations())
    @rule(target=keys, pick=picks, name=st.sampled_from(("deploy", "Cafe\u0301")), agent_pick=picks)
    def operator_creates_key(self, pick: int, name: str, agent_pick: int) -> Any:
        row = chosen(self.living_organizations(), pick)
        agent = chosen([None, *(each for each in self.living_agents() if each.organization is row)], agent_pick)
        is_full = self.model.allowance(row)["remaining"] == 0
        creation = create_api_key(
            self.services,
            OPERATOR,
            organization_id=inside(row.id),
            name=name,
            scope=Scope.ORGANIZATION if agent is None else Scope.AGENT,
            agent_id=None if agent is None else inside(agent.id),
        )
        try:
            issued = self.wait(creation)
        except KeyLimitReached:
            assert is_full
            return multiple()
        assert not is_full
        key_id, secret = external_id(Prefix.API_KEY, issued.record.id), issued.secret.reveal()
        return self.new_key(key_id, row, name, None if agent is None else agent.id, model.OPERATOR, secret)

    @precondition(lambda self: self.living_keys())
    @rule(pick=picks, overlap=st.sampled_from((0, 60, None)))
    def operator_rotates_or_deletes_key(self, pick: int, overlap: int | None) -> None:
        key = chosen(self.living_keys(), pick)
        if overlap is None:
            self.wait(delete_api_key(self.services, OPERATOR, key_id=inside(key.id)))
            self.model.deleted(model.OPERATOR, [key])
        else:
            rotation = rotate_api_key(self.services, OPERATOR, key_id=inside(key.id), overlap_seconds=overlap)
            self.model.rotated(model.OPERATOR, key, self.wait(rotation).secret.reveal(), overlap=overlap)

    @precondition(lambda self: self.living_organizations())
    @rule(pick=picks, limit=st.integers(1, 6))
    def operator_changes_limit(self, pick: int, limit: int) -> None:
        self.change_limit(chosen(self.living_organizations(), pick), limit)

    def change_limit(self, row: model.Organization, limit: int) -> None:
        wanted: dict[str, Any] = {"organization_id": inside(row.id), "key_limit": limit, "now": self.clock()}
        self.operate(lambda session: update_organization(session, **wanted))
        self.model.limit_changed(row, limit)

    @precondition(lambda self: self.living_agents())
    @rule(pick=picks)
    def operator_deletes_agent(self, pick: int) -> None:
        agent = chosen(self.living_agents(), pick)
        wanted: dict[str, Any] = {"agent_id": inside(agent.id), "now": self.clock()}
        self.operate(lambda session: delete_agent(session, **wanted))
        self.model.agent_deleted(agent)

    @precondition(lambda self: "later" not in self.model.agents and self.living_organizations())
    @rule(pick=picks)
    def operator_creates_agent(self, pick: int) -> None:
        row = chosen(self.living_organizations(), pick)
        wanted: dict[str, Any] = {"organization_id": inside(row.id), "name": "Later", "now": self.clock()}
        agent = self.operate(lambda session: create_agent(session, **wanted))
        self.model.agents["later"] = model.Agent(external_id(Prefix.AGENT, agent.id), row)
        row.log["AGENT_CREATED", model.OPERATOR, None] += 1

    @precondition(lambda self: not self.model.organizations["globex"].is_deleted)
    @rule()
    def operator_deletes_globex(self) -> None:
        row = self.model.organizations["globex"]
        wanted: dict[str, Any] = {"organization_id": inside(row.id), "now": self.clock()}
        self.operate(lambda session: delete_organization(session, **wanted))
        self.model.organization_deleted(row)

    @precondition(lambda self: self.living_organizations())
    @rule(
        person=st.sampled_from(PEOPLE),
        pick=picks,
        role=st.sampled_from((model.ADMIN, model.AGENT_ADMIN, model.ADMIN, model.AGENT_ADMIN, model.MEMBER, None)),
        administered=st.sets(st.sampled_from(("own", "other", "theirs", "later"))),
    )
    def operator_changes_membership(self, person: str, pick: int, role: str | None, administered: set[str]) -> None:
        """Adds the person, changes their role or, with no role, removes them."""
        row = chosen(self.living_organizations(), pick)
        if role is not None:
            self.give_role(person, row, role, administered)
        elif self.model.standing(person, row) is not None:
            self.remove(person, row)

    def give_role(self, person: str, row: model.Organization, role: str, administered: set[str]) -> None:
        """The role takes effect with the next request, without a new sign-in."""
        agents = {
            agent
            for name, agent in self.model.agents.items()
            if role == model.AGENT_ADMIN and name in administered and agent.organization is row and not agent.is_deleted
        }
        wanted: dict[str, Any] = {
            "email": email(person),
            "organization_id": inside(row.id),
            "role": Role[role],
            "agent_ids": [inside(agent.id) for agent in agents],
            "now": self.clock(),
        }
        if self.model.standing(person, row) is None:
            self.wait(add_member(self.site.database, name="Somebody", new_password=not_asked, **wanted))
        else:
            self.operate(lambda session: change_member(session, **wanted))
        self.model.member_changed(person, row, role, agents)
        self.assert_listed(person, row)

    def remove(self, person: str, row: model.Organization) -> None:
        """Ends the person's sessions: they can sign in again, if only to other organizations."""
        wanted: dict[str, Any] = {"email": email(person), "organization_id": inside(row.id), "now": self.clock()}
        self.operate(lambda session: remove_member(session, **wanted))
        self.model.member_removed(person, row)

        assert self.ask(person, lambda client: client.graphql("{ viewer { user { email } } }")).value is None
        asked = "query ($id: ID!) { organization(id: $id) { name } }"
        assert self.ask(person, lambda client: client.graphql(asked, id=row.id)).outcome == "UNAUTHENTICATED"
        assert self.ask(person, lambda client: client.sign_in(email(person))).outcome == "Viewer"
        self.assert_listed(person, row)


def not_asked(_owner: object) -> Any:
    raise AssertionError("who is known already keeps their password")
