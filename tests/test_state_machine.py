"""
Keys from their creation to their end, in any order, by anybody: the running application against the model.

Each example is another sequence of requests and of the operator's operations. They are the same in every run;
KEYDESK_TEST_EXAMPLES asks for so many new ones.
"""

import asyncio
import os
import re
from collections import Counter
from datetime import datetime
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, multiple, precondition, rule, run_state_machine_as_test
from sqlalchemy import func, select
from sqlmodel import col

from models import ApiKey, AuditAction, AuditEvent, Organization, Person
from models.ids import Prefix, external_id
from tests import model
from tests.client import PEOPLE
from tests.conftest import Databases
from tests.documents import CREATE
from tests.judged_site import code_of, name_of
from tests.model import NAMES, Key
from tests.modelled_site import altered, as_headers, chosen, keys
from tests.operator_rules import OperatorRules, picks

EXAMPLES = os.environ.get("KEYDESK_TEST_EXAMPLES")
EXAMPLES_USUALLY = 30
STEPS = 30
AGENTS = ("own", "other", "retired", "theirs", "later", "never", "no id")
"""What agents are called here: there, there later, deleted, another organization's, never there, and no agent's id."""
GOOD_NAMES = sorted(name for name, kept in NAMES.items() if kept)

people = st.sampled_from(PEOPLE)
creators = st.sampled_from(("an admin", "grace", *PEOPLE))
changers = st.sampled_from(("the first who may", "the last who may", "the last who may", *PEOPLE))
organizations = st.sampled_from(("acme", "acme", "globex", "nowhere"))
agents = st.sampled_from(AGENTS)
names = st.sampled_from((*GOOD_NAMES, *sorted(NAMES)))
overlaps = st.sampled_from((0, 1 + model.OVERLAP_AT_MOST, 60, 60, model.OVERLAP_AT_MOST, -1))


class Keydesk(OperatorRules):
    """What people do over HTTP and what gateways ask, besides the operator's operations."""

    @initialize(target=keys)
    def everybody_signs_in_and_some_make_keys(self) -> Any:
        """So that no example spends its steps on none: of each scope and organization, by each role that may."""
        for person in PEOPLE:
            self.wait(self.site.person(person))
        made = self.create_keys("ada", "acme", "deploy", None)
        made += self.create_keys("ada", "acme", "deploy", "other")
        made += self.create_keys("grace", "acme", "deploy", "own")
        made += self.create_keys("eve", "globex", "deploy", "theirs")
        return multiple(*made)

    # People.

    @rule(
        target=keys,
        person=creators,
        organization=organizations,
        name=names,
        agent=agents | st.none(),
        scope=st.none() | st.none() | st.sampled_from((model.AGENT, model.ORGANIZATION)),
        times=st.integers(1, 4),
    )
    def create(
        self, person: str, organization: str, name: str, agent: str | None, scope: str | None, times: int
    ) -> Any:
        """
        Several at the same moment: as many as there are slots get one. Without a scope, of the one that the agent or
        its absence asks for.
        """
        if person == "an admin":
            person = next((each for each, there in self.admins() if there == organization), PEOPLE[0])
        return multiple(*self.create_keys(person, organization, name, agent, scope=scope, times=times))

    @rule(person=changers, key=keys, name=names)
    def rename(self, person: str, key: Key, name: str) -> None:
        person = self.whoever(person, key)
        answer = self.ask(person, lambda client: client.rename(key.id, name))

        if self.agrees(answer, self.model.refusals_of_change(person, key, name=name), "ApiKey"):
            self.model.renamed(person, key, NAMES[name])
            self.assert_shown(person, key, answer.value)
        self.assert_listed(person, key.organization)
        self.assert_seen_by_those_who_may(key)

    @rule(person=changers, key=keys, overlap=overlaps, passes=st.booleans())
    def rotate(self, person: str, key: Key, overlap: int, passes: bool) -> None:
        """Sometimes the overlap passes before anything else happens."""
        person = self.whoever(person, key)
        answer = self.ask(person, lambda client: client.rotate(key.id, overlap))

        if self.agrees(answer, self.model.refusals_of_change(person, key, overlap=overlap), "ApiKeyIssued"):
            self.model.rotated(person, key, answer.value["secret"], overlap=overlap)
            self.assert_shown(person, key, answer.value["apiKey"])
        if passes and key.previous is not None:
            self.end_overlap(key)
        self.assert_listed(person, key.organization)
        self.assert_seen_by_those_who_may(key)

    @rule(person=changers, key=keys)
    def delete(self, person: str, key: Key) -> None:
        person = self.whoever(person, key)
        answer = self.ask(person, lambda client: client.delete(key.id))

        if self.agrees(answer, self.model.refusals_of_change(person, key), "ApiKeyDeleted"):
            self.model.deleted(person, [key])
            self.assert_shown(person, key, answer.value["apiKey"])
            assert answer.value["keyAllowance"] == self.model.allowance(key.organization)
        self.assert_listed(person, key.organization)
        self.assert_seen_by_those_who_may(key)

    @rule(
        person=people,
        organization=organizations,
        deleted=st.booleans(),
        agent=st.none() | agents,
        search=st.sampled_from((None, "", "DEPLOY", "(old", "fÉ", "🌙", "Kd_", "nothing like it")),
    )
    def look(self, person: str, organization: str, deleted: bool, agent: str | None, search: str | None) -> None:
        row = self.model.organizations.get(organization)
        self.assert_listed(person, row, deleted=deleted, agent_id=self.agent_id(agent), search=search)

    @rule(person=people, organization=organizations)
    def read_the_log(self, person: str, organization: str) -> None:
        """Admins see all; agent admins what concerns their agents' keys, and nothing of members and limits."""
        events = self.log(person, self.site.organization(organization))

        row = self.model.organizations.get(organization)
        standing = self.model.standing(person, row)
        if row is None or standing is None or events is None:
            assert (events, standing) == (None, None)
            return
        times = [datetime.fromisoformat(each["at"]) for each in events]
        assert times == sorted(times, reverse=True)
        logged = Counter(
            (each["action"], name_of(each["actor"]), (each["apiKey"] or {"id": None})["id"]) for each in events
        )
        if standing.role == model.ADMIN:
            assert logged == Counter(event[:3] for event in row.events().elements())
            summaries = " ".join(each["summary"] for each in events if each["action"] == model.REFUSED)
            assert {str(count) for count in row.refused.values() if count > 1} <= set(re.findall(r"\d+", summaries))
        else:
            seen = {key.id for key in self.model.keys if self.model.sees(person, key)}
            of_keys = Counter({event: times for event, times in logged.items() if event[2] is not None})
            assert of_keys == Counter({event: times for event, times in row.log.items() if event[2] in seen})
            others = {action for action, _, key_id in logged if key_id is None}
            assert others <= ({"AGENT_DELETED", model.REFUSED} if standing.role == model.AGENT_ADMIN else set())

    @precondition(lambda self: any(key.previous for key in self.model.keys))
    @rule(pick=picks)
    def overlap_ends(self, pick: int) -> None:
        self.end_overlap(chosen([key for key in self.model.keys if key.previous], pick))

    # At any time.

    @invariant()
    def every_slot_is_accounted_for(self) -> None:
        """Living rows, the organization's count of them and the model's keys are as many."""
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
        """By action, person and key; refusals once a person and reason, with their number."""
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
        Every secret that was ever issued, without an agent and, in turn, for each. Of a living key one secret works,
        or two; of a deleted one none. Of one that was altered, in whatever place, nobody learns a thing.
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

    def create_keys(
        self,
        person: str,
        organization: str,
        name: str,
        agent: str | None,
        *,
        scope: str | None = None,
        times: int = 1,
    ) -> list[Key]:
        """The keys that came of it. Those that are created at once are there in the order of their times."""
        wanted = {
            "organizationId": self.site.organization(organization),
            "name": name,
            "scope": scope or (model.ORGANIZATION if agent is None else model.AGENT),
            "agentId": self.agent_id(agent),
        }
        answers = self.ask_at_once(person, lambda client: client.graphql(CREATE, input=wanted), times=times)
        issued = [answer for answer in answers if answer.outcome == "ApiKeyIssued"]
        issued.sort(key=lambda answer: datetime.fromisoformat(answer.value["apiKey"]["createdAt"]))
        in_order = [*issued, *(answer for answer in answers if answer not in issued)]
        judged = [self.judge_creation(person, organization, wanted, answer) for answer in in_order]
        return [key for key in judged if key is not None]


def test_whatever_happens_in_whatever_order_keys_do_what_is_promised(databases: Databases) -> None:
    """The application agrees with the model after every step of every example."""
    exploration = settings(
        max_examples=int(EXAMPLES or EXAMPLES_USUALLY),
        stateful_step_count=STEPS,
        derandomize=EXAMPLES is None,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    with asyncio.Runner() as runner:
        run_state_machine_as_test(lambda: Keydesk(runner, databases.fresh(0)), settings=exploration)
