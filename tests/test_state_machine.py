"""
Keys from their creation to their end, in any order, by anybody: the running application against the model.

Each example is another sequence of requests and of the operator's operations. It is the same sequences in every run;
KEYDESK_TEST_EXAMPLES asks for so many new ones.
"""

import asyncio
import os
import re
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, update
from sqlmodel import col, select

from keys.hashing import HashingPool
from keys.issuer import Issuer
from keys.policy import Scope, operator
from keys.refusals import KeyLimitReached
from keys.token import ServerKeys
from models import ApiKey, Organization, Role
from models.ids import Prefix, external_id, parse_external_id
from resolvers.api_keys import delete_api_key, rotate_api_key
from resolvers.desk import Desk
from resolvers.key_creation import create_api_key
from resolvers.operator_agents import create_agent, delete_agent
from resolvers.operator_organizations import delete_organization, update_organization
from resolvers.operator_people import add_member, change_member, remove_member
from tests import model
from tests.client import CHEAP, NOBODY, PEOPLE, SERVER_KEY, Answer, open_site
from tests.conftest import Databases
from tests.documents import CREATE, KEY
from tests.model import NAMES, Key, Model

EXAMPLES = os.environ.get("KEYDESK_TEST_EXAMPLES")
STEPS = 30
LOOK = (
    """
query ($id: ID!, $includeDeleted: Boolean! = false, $agentId: ID, $search: String) {
  organization(id: $id) {
    viewerRole admins { email } agents { id } keyAllowance { used limit remaining }
    apiKeys(includeDeleted: $includeDeleted, agentId: $agentId, search: $search) { ...Key }
  }
}
"""
    + KEY
)
LOG = """
query ($id: ID!, $after: String) {
  organization(id: $id) {
    auditLog(first: 9, after: $after) {
      edges { node { action at actor { email } apiKey { id } summary } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
Result = TypeVar("Result")

people = st.sampled_from(PEOPLE)
organizations = st.sampled_from(("acme", "acme", "globex", "nowhere"))
agents = st.sampled_from(("own", "other", "retired", "theirs", "later", "never", "no id"))
names = st.sampled_from(sorted(NAMES))
good_names = st.sampled_from(sorted(name for name, kept in NAMES.items() if kept))
overlaps = st.sampled_from((0, 1, 60, model.OVERLAP_AT_MOST, model.OVERLAP_AT_MOST + 1, -1))
picks = st.integers(0, 11)
"""Which of the things there are, counted round and round."""


class TickingClock:
    """Begins with the hour and goes on by a millisecond a look: no hour ends while refusals are counted by the hour."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


class Keydesk(RuleBasedStateMachine):
    """What people do over HTTP, what gateways ask, and what the operator does beside them on the same database."""

    keys = Bundle("keys")

    def __init__(self, runner: asyncio.Runner, database_address: str) -> None:
        super().__init__()
        self.clock = TickingClock()
        self.runner, self.stack = runner, AsyncExitStack()
        self.site = self.wait(self.stack.enter_async_context(open_site(database_address, self.clock)))
        self.pool = HashingPool(CHEAP.hasher(), threads=1, queue_limit=10, name="operator")
        issuer = Issuer(ServerKeys((SERVER_KEY.encode(),)), "kd", self.pool)
        self.desk = Desk(self.site.database, issuer, self.clock, mutations_per_minute=300)
        self.model = self.modelled_world()
        for person in PEOPLE:
            self.wait(self.site.person(person))  # signs them in

    def teardown(self) -> None:
        self.pool.close()
        self.wait(self.stack.aclose())

    def wait(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return self.runner.run(coroutine)

    def modelled_world(self) -> Model:
        acme, globex = (model.Organization(self.site.organization(name)) for name in ("acme", "globex"))
        named = {
            name: model.Agent(self.site.agent(name), globex if name == "theirs" else acme, name == "retired")
            for name in ("own", "other", "retired", "theirs")
        }
        return Model(
            {"acme": acme, "globex": globex},
            named,
            {
                "ada": {acme: model.Standing(model.ADMIN)},
                "grace": {
                    acme: model.Standing(model.AGENT_ADMIN, {named["own"], named["retired"]}),
                    globex: model.Standing(model.MEMBER),
                },
                "mel": {acme: model.Standing(model.MEMBER)},
                "eve": {globex: model.Standing(model.ADMIN)},
            },
        )

    # What people do.

    @rule(
        target=keys,
        person=people,
        organization=organizations,
        name=names,
        scope=st.sampled_from((model.ORGANIZATION, model.AGENT, model.AGENT)),
        agent=st.none() | agents,
    )
    def create(self, person: str, organization: str, name: str, scope: str, agent: str | None) -> Any:
        agent_id = None if agent is None else self.agent_id(agent)
        wanted = self.wanted(organization, name, scope, agent_id)
        return self.created(person, organization, wanted, self.ask(person, CREATE, input=wanted))

    @precondition(lambda self: self.admins())
    @rule(target=keys, pick=picks, name=good_names, agent_pick=picks, count=st.integers(1, 4))
    def create_as_admin_at_once(self, pick: int, name: str, agent_pick: int, count: int) -> Any:
        """Several at the same moment: as many as there are slots get one, and are there in the order of their times."""
        person, organization = chosen(self.admins(), pick)
        usable = self.model.usable_agents(person, self.model.organizations[organization])
        agent_id = chosen([None, *sorted(agent.id for agent in usable)], agent_pick)
        scope = model.ORGANIZATION if agent_id is None else model.AGENT
        wanted = self.wanted(organization, name, scope, agent_id)

        answers = self.wait(self.ask_at_once(person, CREATE, count, input=wanted))

        issued = [answer for answer in answers if answer.outcome == "ApiKeyIssued"]
        issued.sort(key=lambda answer: datetime.fromisoformat(answer.value["apiKey"]["createdAt"]))
        judged = [*issued, *(answer for answer in answers if answer not in issued)]
        made = [self.created(person, organization, wanted, answer) for answer in judged]
        return multiple(*(key for key in made if isinstance(key, Key)))

    @rule(person=people, key=keys, name=names)
    def rename(self, person: str, key: Key, name: str) -> None:
        answer = self.ask_client(person, lambda client: client.rename(key.id, name))

        if self.agrees(answer, self.model.refusals_of_change(person, key, name=name), "ApiKey"):
            self.model.renamed(person, key, NAMES[name])
            self.assert_shown(person, key, answer.value)

    @rule(person=people, key=keys, overlap=overlaps)
    def rotate(self, person: str, key: Key, overlap: int) -> None:
        answer = self.ask_client(person, lambda client: client.rotate(key.id, overlap))

        if self.agrees(answer, self.model.refusals_of_change(person, key, overlap=overlap), "ApiKeyIssued"):
            self.model.rotated(person, key, answer.value["secret"], overlap=overlap)
            self.assert_shown(person, key, answer.value["apiKey"])

    @rule(person=people, key=keys)
    def delete(self, person: str, key: Key) -> None:
        answer = self.ask_client(person, lambda client: client.delete(key.id))

        if self.agrees(answer, self.model.refusals_of_change(person, key), "ApiKeyDeleted"):
            self.model.deleted(person, [key])
            self.assert_shown(person, key, answer.value["apiKey"])
            assert answer.value["keyAllowance"] == self.model.allowance(key.organization)

    @rule(person=people, key=keys)
    def see(self, person: str, key: Key) -> None:
        answer = self.ask_client(person, lambda client: client.see(key.id))

        if self.model.sees(person, key):
            self.assert_shown(person, key, answer.value)
        else:
            assert answer.outcome == "null"

    @rule(
        person=people,
        organization=organizations,
        deleted=st.booleans(),
        agent=st.none() | st.none() | agents,
        search=st.sampled_from((None, "", "DEPLOY", "(old", "fÉ", "🌙", "Kd_", "nothing like it")),
    )
    def look(self, person: str, organization: str, deleted: bool, agent: str | None, search: str | None) -> None:
        agent_id = None if agent is None else self.agent_id(agent)
        asked = {"includeDeleted": deleted, "agentId": agent_id, "search": search}
        shown = self.ask(person, LOOK, id=self.site.organization(organization), **asked).value

        row = self.model.organizations.get(organization)
        standing = self.model.standing(person, row)
        if row is None or standing is None:
            assert shown is None
            return
        listed = self.model.listed(person, row, deleted=deleted, agent_id=agent_id, search=search)
        assert shown["viewerRole"] == standing.role
        assert {each["email"] for each in shown["admins"]} == {
            email(each) for each, there in self.admins() if there == organization
        }
        assert {each["id"] for each in shown["agents"]} == {each.id for each in self.model.usable_agents(person, row)}
        assert shown["keyAllowance"] == self.model.allowance(row)
        assert [each["id"] for each in shown["apiKeys"]] == [key.id for key in listed]
        for key, each in zip(listed, shown["apiKeys"], strict=True):
            self.assert_shown(person, key, each)

    @rule(person=people, organization=organizations)
    def read_the_log(self, person: str, organization: str) -> None:
        events = self.wait(self.log(person, self.site.organization(organization)))

        row = self.model.organizations.get(organization)
        standing = self.model.standing(person, row)
        if row is None or standing is None:
            assert events is None
            return
        logged = Counter((each["action"], by(each["actor"]), (each["apiKey"] or {"id": None})["id"]) for each in events)
        times = [datetime.fromisoformat(each["at"]) for each in events]
        assert times == sorted(times, reverse=True)
        if standing.role == model.MEMBER:
            assert events == []
        elif standing.role == model.ADMIN:
            assert logged == +row.log
            self.assert_refusals_counted(row, events)
        else:
            seen = {key.id for key in self.model.keys if self.model.sees(person, key)}
            assert Counter({event: times for event, times in logged.items() if event[2] is not None}) == Counter(
                {event: times for event, times in row.log.items() if event[2] in seen}
            )
            others = {action for action, _, key_id in logged if key_id is None}
            assert others <= {"AGENT_DELETED", "API_KEY_CREATION_REFUSED"}

    # What gateways ask.

    @rule(key=keys, pick=picks, agent=st.none() | agents, bearer=st.booleans())
    def verify(self, key: Key, pick: int, agent: str | None, bearer: bool) -> None:
        secret, agent_id = chosen(key.secrets, pick), None if agent is None else self.agent_id(agent)
        headers = {"authorization": f"bearer {secret}"} if bearer else {"x-api-key": secret}
        if agent_id is not None:
            headers["x-agent-id"] = agent_id
        answer = self.wait(self.present(headers))

        verdict = self.model.verdict(key, secret, agent_id)
        assert code_of(answer) == verdict
        if verdict == "good":
            own = None if key.agent is None else key.agent.id
            assert answer.json() == {
                "keyId": key.id,
                "organizationId": key.organization.id,
                "scope": "organization" if own is None else "agent",
                "agentId": own,
                "requestId": answer.headers["x-request-id"],
            }
            copied = [answer.headers[f"x-keydesk-{name}"] for name in ("key", "organization", "agent")]
            assert copied == [key.id, key.organization.id, agent_id or own or "none"]

    @rule(key=keys, pick=picks, position=st.integers(0, 57))
    def verify_altered(self, key: Key, pick: int, position: int) -> None:
        """One character changed, in any part: whoever sends that learns nothing of the key."""
        secret = chosen(key.secrets, pick)
        prefix, public_id, tail = secret.split("_")
        text = list(public_id + tail)
        text[position] = "A" if text[position] != "A" else "B"
        altered = "".join(text)
        sent = f"{prefix}_{altered[: len(public_id)]}_{altered[len(public_id) :]}"

        assert code_of(self.wait(self.present({"x-api-key": sent}))) == "invalid_key"

    @precondition(lambda self: any(key.previous for key in self.model.keys))
    @rule(pick=picks)
    def overlap_ends(self, pick: int) -> None:
        """As if its time had passed."""
        key = chosen([key for key in self.model.keys if key.previous], pick)
        yesterday = self.clock() - timedelta(days=1)
        row_id = parse_external_id(Prefix.API_KEY, key.id)
        statement = update(ApiKey).where(col(ApiKey.id) == row_id).values(previous_works_until=yesterday)

        self.operate(lambda session: session.execute(statement))

        key.previous = None

    # What the operator does.

    @precondition(lambda self: self.living_organizations())
    @rule(target=keys, pick=picks, name=good_names, agent_pick=picks)
    def operator_creates_key(self, pick: int, name: str, agent_pick: int) -> Any:
        row = chosen(self.living_organizations(), pick)
        living = [each for each in self.model.agents.values() if each.organization is row and not each.is_deleted]
        agent = chosen([None, *living], agent_pick)
        wanted = {
            "organization_id": inside(row.id),
            "name": name,
            "scope": Scope.ORGANIZATION if agent is None else Scope.AGENT,
            "agent_id": None if agent is None else inside(agent.id),
        }
        is_full = self.model.allowance(row)["remaining"] == 0
        try:
            issued = self.wait(create_api_key(self.desk, operator(), **wanted))
        except KeyLimitReached:
            assert is_full
            return multiple()
        assert not is_full
        secret, kept = issued.secret.reveal(), NAMES[name]
        assert kept is not None
        key = Key(external_id(Prefix.API_KEY, issued.record.id), row, agent, kept, None, [secret], secret)
        self.model.created(model.OPERATOR, key)
        return key

    @precondition(lambda self: self.living_keys())
    @rule(pick=picks, overlap=st.sampled_from((0, 60)))
    def operator_rotates_key(self, pick: int, overlap: int) -> None:
        key = chosen(self.living_keys(), pick)
        rotation = rotate_api_key(self.desk, operator(), key_id=inside(key.id), overlap_seconds=overlap)
        self.model.rotated(model.OPERATOR, key, self.wait(rotation).secret.reveal(), overlap=overlap)

    @precondition(lambda self: self.living_keys())
    @rule(pick=picks)
    def operator_deletes_key(self, pick: int) -> None:
        key = chosen(self.living_keys(), pick)
        self.wait(delete_api_key(self.desk, operator(), key_id=inside(key.id)))
        self.model.deleted(model.OPERATOR, [key])

    @precondition(lambda self: self.living_organizations())
    @rule(pick=picks, limit=st.integers(1, 6))
    def operator_changes_limit(self, pick: int, limit: int) -> None:
        row = chosen(self.living_organizations(), pick)
        change = {"organization_id": inside(row.id), "key_limit": limit, "now": self.clock()}
        self.operate(lambda session: update_organization(session, **change))
        self.model.limit_changed(row, limit)

    @precondition(lambda self: "later" not in self.model.agents and self.living_organizations())
    @rule(pick=picks)
    def operator_creates_agent(self, pick: int) -> None:
        row = chosen(self.living_organizations(), pick)
        wanted = {"organization_id": inside(row.id), "name": "Later", "now": self.clock()}
        agent = self.operate(lambda session: create_agent(session, **wanted))
        self.model.agents["later"] = model.Agent(external_id(Prefix.AGENT, agent.id), row)

    @precondition(lambda self: self.living_agents())
    @rule(pick=picks)
    def operator_deletes_agent(self, pick: int) -> None:
        agent = chosen(self.living_agents(), pick)
        wanted = {"agent_id": inside(agent.id), "now": self.clock()}
        self.operate(lambda session: delete_agent(session, **wanted))
        self.model.agent_deleted(agent)

    @precondition(lambda self: not self.model.organizations["globex"].is_deleted)
    @rule()
    def operator_deletes_globex(self) -> None:
        row = self.model.organizations["globex"]
        wanted = {"organization_id": inside(row.id), "now": self.clock()}
        self.operate(lambda session: delete_organization(session, **wanted))
        self.model.organization_deleted(row)

    @precondition(lambda self: self.living_organizations())
    @rule(
        person=people,
        pick=picks,
        role=st.sampled_from((model.ADMIN, model.AGENT_ADMIN, model.AGENT_ADMIN, model.MEMBER)),
        administered=st.sets(st.sampled_from(("own", "other", "theirs", "later"))),
    )
    def operator_gives_role(self, person: str, pick: int, role: str, administered: set[str]) -> None:
        """Adds the person or changes what they are; it holds from the next request on, without a new sign-in."""
        row = chosen(self.living_organizations(), pick)
        own = {
            agent
            for name, agent in self.model.agents.items()
            if role == model.AGENT_ADMIN and name in administered and agent.organization is row and not agent.is_deleted
        }
        wanted: dict[str, Any] = {
            "email": email(person),
            "organization_id": inside(row.id),
            "role": Role[role],
            "agent_ids": [inside(agent.id) for agent in own],
            "now": self.clock(),
        }
        if row in self.model.people[person]:
            self.operate(lambda session: change_member(session, **wanted))
        else:
            self.wait(add_member(self.site.database, name="Somebody", new_password=unasked, **wanted))
        self.model.member_changed(person, row, role, own)

    @precondition(lambda self: self.members())
    @rule(pick=picks)
    def operator_removes_member(self, pick: int) -> None:
        """Ends the person's sessions: their browser is signed out, and they can sign in again to what is left."""
        person, row = chosen(self.members(), pick)
        wanted = {"email": email(person), "organization_id": inside(row.id), "now": self.clock()}
        self.operate(lambda session: remove_member(session, **wanted))
        self.model.member_removed(person, row)

        assert self.ask(person, "{ viewer { user { email } } }").value is None
        assert self.ask(person, LOOK, id=row.id).outcome == "UNAUTHENTICATED"
        assert self.ask_client(person, lambda client: client.sign_in(email(person))).outcome == "Viewer"

    # What holds at any time.

    @invariant()
    def every_slot_is_accounted_for(self) -> None:
        living = func.count(col(ApiKey.id)).filter(col(ApiKey.deleted_at).is_(None))
        statement = (
            select(Organization.id, Organization.live_key_count, living)
            .outerjoin(ApiKey, col(ApiKey.organization_id) == col(Organization.id))
            .group_by(col(Organization.id))
        )
        rows = self.operate(lambda session: session.execute(statement)).all()

        counts = {external_id(Prefix.ORGANIZATION, each): (counted, there) for each, counted, there in rows}
        assert counts == {row.id: (len(self.model.living(row)),) * 2 for row in self.model.organizations.values()}

    @invariant()
    def living_secrets_work_and_dead_ones_do_not(self) -> None:
        issued = [(key, secret) for key in self.model.keys for secret in key.secrets]
        codes = self.wait(self.codes([secret for _, secret in issued]))

        assert codes == [self.model.verdict(key, secret, None) for key, secret in issued]
        working = Counter(key.id for (key, _), code in zip(issued, codes, strict=True) if code == "good")
        assert all(1 <= working[key.id] <= 2 for key in self.living_keys())

    # How it is asked and judged.

    def wanted(self, organization: str, name: str, scope: str, agent_id: str | None) -> dict[str, str | None]:
        organization_id = self.site.organization(organization)
        return {"organizationId": organization_id, "name": name, "scope": scope, "agentId": agent_id}

    def created(self, person: str, organization: str, wanted: dict[str, Any], answer: Answer) -> Any:
        """Judges a creation's answer and enters it into the model; the key where one was issued."""
        row = self.model.organizations.get(organization)
        name, scope, agent_id = wanted["name"], wanted["scope"], wanted["agentId"]
        refusals = self.model.refusals_of_creation(person, row, name=name, scope=scope, agent_id=agent_id)
        if not self.agrees(answer, refusals, "ApiKeyIssued") or row is None:
            self.model.creation_refused(person, row, answer.outcome)
            if answer.outcome == model.LIMIT_REACHED and row is not None:
                candidates = [key for key in self.model.living(row) if self.model.manages(person, key)]
                assert answer.value["keyAllowance"] == self.model.allowance(row)
                assert [each["id"] for each in answer.value["candidates"]] == [key.id for key in candidates]
            return multiple()
        issued, kept = answer.value, NAMES[name]
        assert kept is not None
        [agent] = [each for each in self.model.agents.values() if each.id == agent_id] or [None]
        key = Key(issued["apiKey"]["id"], row, agent, kept, person, [issued["secret"]], issued["secret"])
        self.model.created(person, key)
        self.assert_shown(person, key, issued["apiKey"])
        return key

    def agrees(self, answer: Answer, refusals: set[str], done: str) -> bool:
        """Whether it was done; it must be exactly where no reason speaks against it, and else one of them is named."""
        assert answer.outcome in (refusals or {done})
        return not refusals

    def assert_shown(self, person: str, key: Key, shown: dict[str, Any]) -> None:
        """The key as this person must see it."""
        agent = key.agent
        assert {name: shown[name] for name in ("id", "name", "scope", "status", "viewerCanManage")} == {
            "id": key.id,
            "name": key.name,
            "scope": model.ORGANIZATION if agent is None else model.AGENT,
            "status": "DELETED" if key.is_deleted else "ACTIVE",
            "viewerCanManage": self.model.manages(person, key),
        }
        assert (by(shown["createdBy"]), by(shown["deletedBy"])) == (key.creator, key.deleter)
        assert (shown["deletedAt"] is not None) == key.is_deleted
        assert (shown["previousSecretWorksUntil"] is not None) == (key.previous is not None)
        shown_agent = shown["agent"]
        assert (shown_agent is None) == (agent is None)
        if agent is not None:
            assert (shown_agent["id"], shown_agent["deletedAt"] is not None) == (agent.id, agent.is_deleted)
        beginning, end = shown["hint"].split("…")
        assert beginning.startswith(model.PREFIX)
        assert key.current.startswith(beginning)
        assert (key.current[-4:], len(beginning) < len(key.current) / 2) == (end, True)

    def assert_refusals_counted(self, row: model.Organization, events: list[dict[str, Any]]) -> None:
        """One event a person and reason, with the count in its summary where it is more than one."""
        for (person, _), count in row.refused.items():
            summaries = [
                each["summary"]
                for each in events
                if each["action"] == "API_KEY_CREATION_REFUSED" and by(each["actor"]) == person
            ]
            assert count == 1 or any(re.search(rf"\b{count}\b", summary) for summary in summaries)

    def ask(self, person: str, document: str, **variables: Any) -> Answer:
        return self.ask_client(person, lambda client: client.graphql(document, **variables))

    def ask_client(self, person: str, request: Callable[[Any], Coroutine[Any, Any, Answer]]) -> Answer:
        async def asking() -> Answer:
            return await request(await self.site.person(person))

        return self.wait(asking())

    async def ask_at_once(self, person: str, document: str, count: int, **variables: Any) -> list[Answer]:
        client = await self.site.person(person)
        return await asyncio.gather(*(client.graphql(document, **variables) for _ in range(count)))

    async def log(self, person: str, organization_id: str) -> list[dict[str, Any]] | None:
        """All pages of the log; None where the organization is."""
        client, after, events = await self.site.person(person), None, []
        while True:
            organization = (await client.graphql(LOG, id=organization_id, after=after)).value
            if organization is None:
                return None
            page = organization["auditLog"]
            events += [edge["node"] for edge in page["edges"]]
            if not page["pageInfo"]["hasNextPage"]:
                return events
            after = page["pageInfo"]["endCursor"]

    async def present(self, headers: dict[str, str]) -> httpx.Response:
        return await (await self.site.person(NOBODY)).http.get("/v1/verify", headers=headers)

    async def codes(self, secrets: Sequence[str]) -> list[str]:
        answers = await asyncio.gather(*(self.present({"x-api-key": secret}) for secret in secrets))
        return [code_of(answer) for answer in answers]

    def operate(self, operation: Callable[[Any], Coroutine[Any, Any, Result]]) -> Result:
        """One of the operator's transactions, on a connection of their own."""

        async def transaction() -> Result:
            async with self.site.database.transaction() as session:
                return await operation(session)

        return self.wait(transaction())

    def agent_id(self, name: str) -> str:
        """The id of an agent by its name, of one that never was, or a text that is none."""
        if name == "no id":
            return "agt_7"
        agent = self.model.agents.get(name)
        return self.site.agent("never") if agent is None else agent.id

    def living_organizations(self) -> list[model.Organization]:
        return [row for row in self.model.organizations.values() if not row.is_deleted]

    def living_agents(self) -> list[model.Agent]:
        return [each for each in self.model.agents.values() if not each.is_deleted and not each.organization.is_deleted]

    def living_keys(self) -> list[Key]:
        return [key for key in self.model.keys if not key.is_deleted]

    def members(self) -> list[tuple[str, model.Organization]]:
        living = self.living_organizations()
        return [(person, row) for person in PEOPLE for row in living if row in self.model.people[person]]

    def admins(self) -> list[tuple[str, str]]:
        """Every organization admin, with the organization's name."""
        named = {row: name for name, row in self.model.organizations.items()}
        return [
            (person, named[row])
            for person, row in self.members()
            if self.model.people[person][row].role == model.ADMIN
        ]


def chosen(options: Sequence[Any], pick: int) -> Any:
    return options[pick % len(options)]


def email(person: str) -> str:
    return f"{person}@example.com"


def by(user: dict[str, str] | None) -> str | None:
    """Who it was, by the name that the tests have for them; None for the operator."""
    return None if user is None else user["email"].removesuffix("@example.com")


def inside(external: str) -> Any:
    """The UUID in an id."""
    return parse_external_id(Prefix(external[:3]), external)


def code_of(answer: httpx.Response) -> str:
    """What a gateway was told, in a word."""
    if answer.status_code == 200:
        return "good"
    body = answer.json()
    assert answer.status_code == body["statusCode"] == (403 if body["code"] == "agent_not_in_scope" else 401)
    assert body["requestId"] == answer.headers["x-request-id"]
    return str(body["code"])


def unasked() -> Any:
    raise AssertionError("who is known already keeps their password")


def test_whatever_happens_in_whatever_order_keys_do_what_is_promised(databases: Databases) -> None:
    """The application agrees with the model after every step of every example."""
    exploration = settings(
        max_examples=int(EXAMPLES or 40),
        stateful_step_count=STEPS,
        derandomize=EXAMPLES is None,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    with asyncio.Runner() as runner:
        run_state_machine_as_test(lambda: Keydesk(runner, databases.fresh(0)), settings=exploration)
