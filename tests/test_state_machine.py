"""
Keys from their creation to their end, in any order, by anybody: the running application against the model.

Each example is another sequence of requests and of the operator's operations. They are the same in every run;
KEYDESK_TEST_EXAMPLES asks for so many new ones.
"""

import asyncio
import os
from collections import Counter
from datetime import datetime
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, multiple, precondition, rule, run_state_machine_as_test
from sqlalchemy import func
from sqlmodel import col, select

from models import ApiKey, AuditAction, AuditEvent, Organization, Person
from models.ids import Prefix, external_id
from tests import model
from tests.client import PEOPLE
from tests.conftest import Databases
from tests.documents import CREATE
from tests.judged_site import code_of, name_of
from tests.model import NAMES, Key
from tests.modelled_site import as_headers, chosen, keys
from tests.operator_rules import OperatorRules, picks

EXAMPLES = os.environ.get("KEYDESK_TEST_EXAMPLES")
EXAMPLES_USUALLY = 30
STEPS = 30
AGENTS = ("own", "other", "retired", "theirs", "later", "never", "no id")
"""What agents are called here: there, there later, deleted, another organization's, never there, and no agent's id."""
GOOD_NAMES = sorted(name for name, kept in NAMES.items() if kept)

people = st.sampled_from(PEOPLE)
whoever = st.sampled_from(("the first who may", "the last who may", "the last who may", *PEOPLE))
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
        person=people,
        organization=organizations,
        name=names,
        agent=agents | st.none(),
        scope=st.none() | st.sampled_from((model.AGENT, model.ORGANIZATION)),
    )
    def create(self, person: str, organization: str, name: str, agent: str | None, scope: str | None) -> Any:
        """Without a scope, of the one that the agent or its absence asks for."""
        return multiple(*self.create_keys(person, organization, name, agent, scope=scope))

    @precondition(lambda self: self.admins())
    @rule(target=keys, pick=picks, name=st.sampled_from(GOOD_NAMES), agent=agents | st.none(), times=st.integers(1, 4))
    def create_at_once(self, pick: int, name: str, agent: str | None, times: int) -> Any:
        """By an admin, several at the same moment: as many as there are slots get one."""
        person, organization = chosen(self.admins(), pick)
        usable = {each.id for each in self.model.usable_agents(person, self.model.organizations[organization])}
        agent = agent if self.agent_id(agent) in usable else None
        return multiple(*self.create_keys(person, organization, name, agent, times=times))

    @rule(person=whoever, key=keys, name=names)
    def rename(self, person: str, key: Key, name: str) -> None:
        person = self.whoever(person, key)
        answer = self.ask(person, lambda client: client.rename(key.id, name))

        if self.agrees(answer, self.model.refusals_of_change(person, key, name=name), "ApiKey"):
            self.model.renamed(person, key, NAMES[name])
            self.assert_shown(person, key, answer.value)
        self.assert_listed(person, key.organization)

    @rule(person=whoever, key=keys, overlap=overlaps, passes=st.booleans())
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

    @rule(person=whoever, key=keys)
    def delete(self, person: str, key: Key) -> None:
        person = self.whoever(person, key)
        answer = self.ask(person, lambda client: client.delete(key.id))

        if self.agrees(answer, self.model.refusals_of_change(person, key), "ApiKeyDeleted"):
            self.model.deleted(person, [key])
            self.assert_shown(person, key, answer.value["apiKey"])
            assert answer.value["keyAllowance"] == self.model.allowance(key.organization)
        self.assert_listed(person, key.organization)

    @rule(person=people, key=keys)
    def see(self, person: str, key: Key) -> None:
        answer = self.ask(person, lambda client: client.see(key.id))

        if self.model.sees(person, key):
            self.assert_shown(person, key, answer.value)
        else:
            assert answer.outcome == "null"

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
            assert logged == row.log
            self.assert_refusals_counted(row, events)
        else:
            seen = {key.id for key in self.model.keys if self.model.sees(person, key)}
            of_keys = Counter({event: times for event, times in logged.items() if event[2] is not None})
            assert of_keys == Counter({event: times for event, times in row.log.items() if event[2] in seen})
            others = {action for action, _, key_id in logged if key_id is None}
            concerning = {"AGENT_DELETED", "API_KEY_CREATION_REFUSED"} if standing.role == model.AGENT_ADMIN else set()
            assert others <= concerning

    # Gateways.

    @rule(key=keys, pick=picks, agent=st.none() | st.just("the key's") | agents, as_bearer=st.booleans())
    def verify(self, key: Key, pick: int, agent: str | None, as_bearer: bool) -> None:
        """Any secret that was ever issued, for any agent."""
        own = None if key.agent is None else key.agent.id
        secret, agent_id = chosen(key.secrets, pick), own if agent == "the key's" else self.agent_id(agent)
        [answer] = self.present(as_headers(secret, agent_id, as_bearer=as_bearer))

        verdict = self.model.verdict(key, secret, agent_id)
        assert code_of(answer) == verdict
        if verdict == "good":
            assert answer.json() == {
                "keyId": key.id,
                "organizationId": key.organization.id,
                "scope": "organization" if own is None else "agent",
                "agentId": own,
                "requestId": answer.headers["x-request-id"],
            }
            copied = [answer.headers[f"x-keydesk-{name}"] for name in ("key", "organization", "agent")]
            assert copied == [key.id, key.organization.id, agent_id or own or "none"]

    @rule(key=keys, pick=picks, position=st.integers(len(model.PREFIX), 61).filter(lambda position: position != 19))
    def verify_altered(self, key: Key, pick: int, position: int) -> None:
        """With one letter changed, in any part: whoever sends that learns nothing of the key."""
        secret = chosen(key.secrets, pick)
        altered = f"{secret[:position]}{'A' if secret[position] != 'A' else 'B'}{secret[position + 1 :]}"

        [answer] = self.present(as_headers(altered, None))

        assert code_of(answer) == "invalid_key"

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
            select(Organization.id, Organization.live_key_count, living)
            .outerjoin(ApiKey, col(ApiKey.organization_id) == col(Organization.id))
            .group_by(col(Organization.id))
        )
        counts = {external_id(Prefix.ORGANIZATION, each): (count, rows) for each, count, rows in self.rows(statement)}
        assert counts == {row.id: (len(self.model.living(row)),) * 2 for row in self.model.organizations.values()}

    @invariant()
    def everything_is_logged_once(self) -> None:
        """By action, person and key; refusals once a person and reason."""
        statement = select(AuditEvent.organization_id, AuditEvent.action, Person.email, AuditEvent.api_key_id)
        rows = self.rows(statement.outerjoin(Person, col(Person.id) == col(AuditEvent.actor_id)))
        logged = Counter(
            (
                external_id(Prefix.ORGANIZATION, organization_id),
                AuditAction(action).name,
                address and address.removesuffix("@example.com"),
                key_id and external_id(Prefix.API_KEY, key_id),
            )
            for organization_id, action, address, key_id in rows
        )
        expected: Counter[tuple[str | None, ...]] = Counter()
        for row in self.model.organizations.values():
            expected.update({(row.id, *event): times for event, times in row.log.items()})
        assert logged == expected

    @invariant()
    def living_secrets_work_and_dead_ones_do_not(self) -> None:
        """Without an agent and, in turn, for each. Of a living key one secret works, or two; of a deleted one none."""
        self.turns += 1
        asked: list[tuple[Key, str, str | None]] = [
            (key, secret, None) for key in self.model.keys for secret in key.secrets
        ]
        asked += [(key, secret, self.agent_id(AGENTS[self.turns % len(AGENTS)])) for key, secret, _ in asked]
        answers = self.present(*(as_headers(secret, agent_id) for _, secret, agent_id in asked))

        verdicts = [code_of(answer) for answer in answers]
        assert verdicts == [self.model.verdict(*each) for each in asked]
        working = Counter(
            key.id
            for (key, _, agent_id), verdict in zip(asked, verdicts, strict=True)
            if (agent_id, verdict) == (None, "good")
        )
        assert all(1 <= working[key.id] <= 2 for key in self.living_keys())

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
