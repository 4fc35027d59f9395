"""
The whole life of keys, in any order of actions and by any person: the running application against the model.

Each example is another sequence of requests and of the operator's actions; they are the same in every run.
KEYDESK_TEST_ROUNDS asks for more of them.
"""

import asyncio
import os
from collections import Counter
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, multiple, precondition, rule, run_state_machine_as_test
from sqlalchemy import func, select
from sqlmodel import col

from models import ApiKey, AuditAction, AuditEvent, Organization, Person
from models.engine.ids import Prefix, external_id
from tests.conftest import Databases
from tests.support.client import PEOPLE
from tests.support.state_machine import model
from tests.support.state_machine.model import NAMES, Key
from tests.support.state_machine.model_checked_site import code_of
from tests.support.state_machine.operator_rules import OperatorRules, picks
from tests.support.state_machine.site_with_model import altered, as_headers, chosen, keys
from tests.support.thorough import thorough

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("KEYDESK_TEST_ROUNDS", thorough(8, 2)))
EXAMPLES_A_ROUND = 10
"""After this many, Hypothesis mostly varies its examples; another round starts afresh."""
STEPS = 30
AGENTS = ("own", "other", "retired", "theirs", "later", "never", "no id")
"""The agents' names here: two that exist, one created later, one deleted, another organization's, and invalid ids."""
GOOD_NAMES = sorted(name for name, kept in NAMES.items() if kept)

people = st.sampled_from(PEOPLE)
organizations = st.sampled_from(("acme", "acme", "globex", "nowhere"))
agents = st.sampled_from(AGENTS)
searches = st.sampled_from((None, "", "DEPLOY", "(old", "fÉ", "🌙", "Kd_", "nothing like it"))
names, good_names = st.sampled_from(sorted(NAMES)), st.sampled_from(GOOD_NAMES)
overlaps = st.sampled_from((60, 0, model.OVERLAP_AT_MOST))
bad_overlaps = st.sampled_from((0, -1, model.OVERLAP_AT_MOST + 1))


class Keydesk(OperatorRules):
    """People's actions over HTTP and gateways' verifications, beside the operator's actions."""

    @initialize(target=keys)
    def everybody_signs_in_and_some_make_keys(self) -> Any:
        """So that every example has keys: of each scope and organization, by each role that may create them."""
        for person in PEOPLE:
            self.wait(self.site.person(person))
        self.change_limit(self.model.organizations["acme"], 5)
        made = self.create_keys("ada", "acme", "deploy", None)
        made += self.create_keys("ada", "acme", "deploy", "other")
        made += self.create_keys("grace", "acme", "deploy", "own")
        made += self.create_keys("eve", "globex", "deploy", "theirs")
        return multiple(*made)

    # Actions that people may do, as far as slots are free.

    @precondition(lambda self: self.who_may_create())
    @rule(target=keys, pick=picks, name=good_names, times=st.integers(1, 4))
    def create(self, pick: int, name: str, times: int) -> Any:
        """Several at the same moment: exactly as many as slots are free succeed."""
        person, organization, agent = chosen(self.who_may_create(), pick)
        return multiple(*self.create_keys(person, organization, name, agent, times=times))

    @precondition(lambda self: self.who_may_change())
    @rule(pick=picks, name=good_names)
    def rename(self, pick: int, name: str) -> None:
        self.change_name(*chosen(self.who_may_change(), pick), name)

    @precondition(lambda self: self.who_may_change())
    @rule(pick=picks, overlap=overlaps, passes=st.booleans())
    def rotate(self, pick: int, overlap: int, passes: bool) -> None:
        """Sometimes the overlap ends before anything else happens."""
        person, key = chosen(self.who_may_change(), pick)
        self.change_secret(person, key, overlap)
        if passes and key.previous is not None:
            self.end_overlap(key)
            self.assert_seen_by_those_who_may(key)

    @precondition(lambda self: self.who_may_change())
    @rule(pick=picks)
    def delete(self, pick: int) -> None:
        self.delete_key(*chosen(self.who_may_change(), pick))

    # Actions that anybody may try.

    @rule(
        target=keys,
        person=people,
        organization=organizations,
        name=good_names | names,
        agent=agents | st.none(),
        scope=st.none() | st.sampled_from((model.ORGANIZATION, model.AGENT)),
    )
    def try_to_create(self, person: str, organization: str, name: str, agent: str | None, scope: str | None) -> Any:
        """Without an explicit scope, the agent or its absence decides it."""
        return multiple(*self.create_keys(person, organization, name, agent, scope=scope))

    @rule(person=people, key=keys, name=good_names | names, overlap=bad_overlaps, what=st.integers(0, 2))
    def try_to_change(self, person: str, key: Key, name: str, overlap: int, what: int) -> None:
        if what == 0:
            self.change_name(person, key, name)
        elif what == 1:
            self.change_secret(person, key, overlap)
        else:
            self.delete_key(person, key)

    @rule(person=people | st.just("ada"), agent=agents)
    def try_to_delete_an_agent(self, person: str, agent: str) -> None:
        self.delete_agent(person, agent)

    @rule(organization=organizations, deleted=st.booleans(), agent=st.none() | agents, search=searches)
    def everybody_looks(self, organization: str, deleted: bool, agent: str | None, search: str | None) -> None:
        row = self.model.organizations.get(organization)
        for person in PEOPLE:
            self.assert_listed(person, row, deleted=deleted, agent_id=self.agent_id(agent), search=search)
            self.assert_logged(person, row)

    @precondition(lambda self: any(key.previous for key in self.model.keys))
    @rule(pick=picks)
    def overlap_ends(self, pick: int) -> None:
        self.end_overlap(chosen([key for key in self.model.keys if key.previous], pick))

    # At any time.

    @invariant()
    def every_slot_is_accounted_for(self) -> None:
        """Active rows, the organization's count of them and the model's keys are equally many."""
        living = func.count(col(ApiKey.id)).filter(col(ApiKey.deleted_at).is_(None))
        statement = (
            select(col(Organization.id), col(Organization.live_key_count), living)
            .select_from(Organization)
            .outerjoin(ApiKey, col(ApiKey.organization_id) == col(Organization.id))
            .group_by(col(Organization.id))
        )
        counts = {external_id(Prefix.ORGANIZATION, each): (count, rows) for each, count, rows in self.rows(statement)}
        assert counts == {row.id: (len(self.model.living(row)),) * 2 for row in self.model.organizations.values()}

    @invariant()
    def everything_is_logged_once(self) -> None:
        """By action, person and key; refusals once for each person and reason, with their number."""
        event = AuditEvent
        what = (event.organization_id, event.action, Person.email, event.api_key_id, event.count)
        statement = select(*map(col, what)).outerjoin(Person, col(Person.id) == col(event.actor_id))
        logged = Counter(
            (
                external_id(Prefix.ORGANIZATION, organization_id),
                AuditAction(action).name,
                address and address.removesuffix("@example.com"),
                key_id and external_id(Prefix.API_KEY, key_id),
                times,
            )
            for organization_id, action, address, key_id, times in self.rows(statement)
        )
        organizations = self.model.organizations.values()
        assert logged == Counter((row.id, *event) for row in organizations for event in row.events().elements())

    @invariant()
    def living_secrets_work_and_dead_ones_do_not(self) -> None:
        """
        Every secret that was ever issued, without an agent and, in turn, for each. Of an active key one or two secrets
        work; of a deleted key none. An altered secret, with a change in any place, gets only `invalid_key`.
        """
        self.turns += 1
        agent_id = self.agent_id(AGENTS[self.turns % len(AGENTS)])
        issued = [(key, secret) for key in self.model.keys for secret in key.secrets]
        asked = [(*each, None) for each in issued] + [(*each, agent_id) for each in issued]
        answers = self.present(*(as_headers(secret, agent_id) for _, secret, agent_id in asked))

        for each, answer in zip(asked, answers, strict=True):
            self.assert_verified(*each, answer)
        working = Counter(key.id for (key, _), answer in zip(issued, answers, strict=False) if answer.is_success)
        assert all(1 <= working[key.id] <= 2 for key in self.living_keys())
        for answer in self.present(*(as_headers(altered(secret, self.turns), None) for _, secret in issued)):
            assert code_of(answer) == "invalid_key"


@pytest.mark.parametrize("number", range(ROUNDS))
def test_whatever_happens_in_whatever_order_keys_do_what_is_promised(databases: Databases, number: int) -> None:
    """The application agrees with the model after every step of every example."""
    exploration = settings(
        max_examples=EXAMPLES_A_ROUND,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    with asyncio.Runner() as runner:

        @seed(number)
        def machine() -> Keydesk:
            return Keydesk(runner, databases.fresh(0))

        run_state_machine_as_test(cast(Any, machine), settings=exploration)
