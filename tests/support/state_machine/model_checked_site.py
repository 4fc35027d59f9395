"""Performs people's actions, compares each answer with the model, and records the action in the model."""

import re
from collections import Counter
from datetime import datetime
from functools import partial
from typing import Any

import httpx

from tests.support.client import PEOPLE, Answer
from tests.support.graphql.documents import CREATE, KEY
from tests.support.state_machine import model
from tests.support.state_machine.model import NAMES, Key
from tests.support.state_machine.site_with_model import SiteWithModel, email

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
DELETE_AGENT = """
mutation ($input: DeleteAgentInput!) {
  deleteAgent(input: $input) {
    __typename ... on AgentDeleted { deletedKeys { id } keyAllowance { used limit remaining } }
  }
}
"""
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


class ModelCheckedSite(SiteWithModel):
    """Assertions that hold for every answer, after any step."""

    # Actions of people.

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
        """Returns the created keys. Keys that are created at the same time are in the order of their creation times."""
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

    def change_name(self, person: str, key: Key, name: str) -> None:
        answer = self.ask(person, lambda client: client.rename(key.id, name))
        if self.agrees(answer, self.model.refusals_of_change(person, key, name=name), "ApiKey"):
            self.model.renamed(person, key, NAMES[name])
            self.assert_shown(person, key, answer.value)
        self.assert_seen_by_those_who_may(key)

    def change_secret(self, person: str, key: Key, overlap: int) -> None:
        answer = self.ask(person, lambda client: client.rotate(key.id, overlap))
        if self.agrees(answer, self.model.refusals_of_change(person, key, overlap=overlap), "ApiKeyIssued"):
            self.model.rotated(person, key, answer.value["secret"], overlap=overlap)
            self.assert_shown(person, key, answer.value["apiKey"])
        self.assert_seen_by_those_who_may(key)

    def delete_key(self, person: str, key: Key) -> None:
        answer = self.ask(person, lambda client: client.delete(key.id))
        if self.agrees(answer, self.model.refusals_of_change(person, key), "ApiKeyDeleted"):
            self.model.deleted(person, [key])
            self.assert_shown(person, key, answer.value["apiKey"])
            assert answer.value["keyAllowance"] == self.model.allowance(key.organization)
        self.assert_seen_by_those_who_may(key)

    def delete_agent(self, person: str, name: str) -> None:
        """Its keys are deleted with it, and are in the answer, newest first."""
        agent, agent_id = self.model.agents.get(name), self.agent_id(name)
        answer = self.ask(person, lambda client: client.graphql(DELETE_AGENT, input={"id": agent_id}))
        refusals = self.model.refusals_of_agent_deletion(person, agent)
        if self.agrees(answer, refusals, "AgentDeleted") and agent is not None:
            keys = self.model.agent_deleted(agent, person)
            assert [each["id"] for each in answer.value["deletedKeys"]] == [key.id for key in reversed(keys)]
            assert answer.value["keyAllowance"] == self.model.allowance(agent.organization)
            for key in keys:
                self.assert_seen_by_those_who_may(key)

    # Assertions.

    def agrees(self, answer: Answer, refusals: set[str], done: str) -> bool:
        """Whether it was done: exactly if the model has no reason against it. A refusal names one of the reasons."""
        assert answer.outcome in (refusals or {done})
        return not refusals

    def judge_creation(self, person: str, organization: str, wanted: dict[str, Any], answer: Answer) -> Key | None:
        """Checks a creation, and records in the model the key, if one was issued."""
        row = self.model.organizations.get(organization)
        name, scope, agent_id = wanted["name"], wanted["scope"], wanted["agentId"]
        refusals = self.model.refusals_of_creation(person, row, name=name, scope=scope, agent_id=agent_id)
        if not self.agrees(answer, refusals, "ApiKeyIssued"):
            self.model.creation_refused(person, row, answer.outcome)
            if row is not None and answer.outcome == model.LIMIT_REACHED:
                candidates = {key.id for key in self.model.living(row) if self.model.manages(person, key)}
                assert answer.value["keyAllowance"] == self.model.allowance(row)
                # The order depends on what the usage recorder has written so far.
                assert {each["id"] for each in answer.value["candidates"]} == candidates
                assert len(answer.value["candidates"]) == len(candidates)
            return None
        assert row is not None
        secret, shown = answer.value["secret"], answer.value["apiKey"]
        key = self.new_key(shown["id"], row, name, agent_id, person, secret)
        self.assert_shown(person, key, shown)
        return key

    def new_key(
        self,
        key_id: str,
        row: model.Organization,
        name: str,
        agent_id: str | None,
        creator: str | None,
        secret: str,
    ) -> Key:
        agents = {each.id: each for each in self.model.agents.values()}
        kept = NAMES[name]
        assert kept is not None
        agent = None if agent_id is None else agents[agent_id]
        key = Key(key_id, row, agent, kept, creator, [secret], secret)
        self.model.created(creator, key)
        return key

    def assert_shown(self, person: str, key: Key, shown: dict[str, Any]) -> None:
        """Asserts what this person sees of the key."""
        agent = shown["agent"]
        assert {
            "id": shown["id"],
            "name": shown["name"],
            "scope": shown["scope"],
            "agent": None if agent is None else (agent["id"], agent["deletedAt"] is not None),
            "status": shown["status"],
            "was deleted": shown["deletedAt"] is not None,
            "creator": name_of(shown["createdBy"]),
            "deleter": name_of(shown["deletedBy"]),
            "secret before works": shown["previousSecretWorksUntil"] is not None,
            "manages": shown["viewerCanManage"],
        } == {
            "id": key.id,
            "name": key.name,
            "scope": model.ORGANIZATION if key.agent is None else model.AGENT,
            "agent": None if key.agent is None else (key.agent.id, key.agent.is_deleted),
            "status": "DELETED" if key.is_deleted else "ACTIVE",
            "was deleted": key.is_deleted,
            "creator": key.creator,
            "deleter": key.deleter,
            "secret before works": key.previous is not None,
            "manages": self.model.manages(person, key),
        }
        beginning, end = shown["hint"].split("…")
        assert beginning.startswith(model.PREFIX)
        assert key.current.startswith(beginning)
        assert end == key.current[-4:]

    def assert_listed(
        self,
        person: str,
        row: model.Organization | None,
        *,
        deleted: bool = True,
        agent_id: str | None = None,
        search: str | None = None,
    ) -> None:
        """Asserts what this person sees of the organization and its keys: nothing if they are not a member."""
        organization_id = self.site.organization("nowhere") if row is None else row.id
        asked = {"includeDeleted": deleted, "agentId": agent_id, "search": search}
        shown = self.ask(person, lambda client: client.graphql(LOOK, id=organization_id, **asked)).value
        standing = self.model.standing(person, row)
        if row is None or standing is None:
            assert shown is None
            return
        admins = {email(each) for each, name in self.admins() if self.model.organizations[name] is row}
        listed = self.model.listed(person, row, deleted=deleted, agent_id=agent_id, search=search)
        assert shown["viewerRole"] == standing.role
        assert {each["email"] for each in shown["admins"]} == admins
        assert {each["id"] for each in shown["agents"]} == {each.id for each in self.model.usable_agents(person, row)}
        assert shown["keyAllowance"] == self.model.allowance(row)
        assert [each["id"] for each in shown["apiKeys"]] == [key.id for key in listed]
        for key, each in zip(listed, shown["apiKeys"], strict=True):
            self.assert_shown(person, key, each)

    def assert_seen_by_those_who_may(self, key: Key) -> None:
        """Every person reads the key; for a person who may not see it, the key does not exist."""
        for person in PEOPLE:
            answer = self.ask(person, lambda client: client.see(key.id))
            if self.model.sees(person, key):
                self.assert_shown(person, key, answer.value)
            else:
                assert answer.outcome == "null"

    def assert_logged(self, person: str, row: model.Organization | None) -> None:
        """Admins see all events; agent admins see those of their agents' keys, and none about members and limits."""
        events, standing = self.log(person, row), self.model.standing(person, row)
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
            of_agents = {"AGENT_CREATED", "AGENT_DELETED", model.REFUSED}
            assert others <= (of_agents if standing.role == model.AGENT_ADMIN else set())

    def assert_verified(self, key: Key, secret: str, agent_id: str | None, answer: httpx.Response) -> None:
        """Asserts the verdict on one of the key's secrets, for this agent."""
        verdict = self.model.verdict(key, secret, agent_id)
        assert code_of(answer) == verdict
        if verdict == "good":
            own = None if key.agent is None else key.agent.id
            assert answer.json() == {
                "keyId": key.id,
                "organizationId": key.organization.id,
                "scope": "organization" if own is None else "agent",
                "agentId": own,
                "organizationExternalId": None,
                "agentExternalId": None,
                "requestId": answer.headers["x-request-id"],
            }
            copied = [answer.headers[f"x-keydesk-{name}"] for name in ("key", "organization", "agent")]
            assert copied == [key.id, key.organization.id, agent_id or own or "none"]

    @staticmethod
    async def _read_log(organization_id: str, after: str | None, client: Any) -> Any:
        return await client.graphql(LOG, id=organization_id, after=after)

    def log(self, person: str, row: model.Organization | None) -> list[dict[str, Any]] | None:
        """Every page of the log, newest first; None if the person does not see the organization."""
        organization_id = self.site.organization("nowhere") if row is None else row.id
        events: list[dict[str, Any]] = []
        has_next, after = True, None
        while has_next:
            organization = self.ask(person, partial(self._read_log, organization_id, after)).value
            if organization is None:
                return None
            page = organization["auditLog"]
            events += [edge["node"] for edge in page["edges"]]
            has_next, after = page["pageInfo"]["hasNextPage"], page["pageInfo"]["endCursor"]
        return events


def name_of(user: dict[str, str] | None) -> str | None:
    """The person's name in the tests; None for the operator."""
    return None if user is None else user["email"].removesuffix("@example.com")


def code_of(answer: httpx.Response) -> str:
    """The outcome of a verification, in a word."""
    if answer.status_code == 200:
        return "good"
    body = answer.json()
    assert answer.status_code == body["statusCode"] == (403 if body["code"] == "agent_not_in_scope" else 401)
    assert body["requestId"] == answer.headers["x-request-id"]
    return str(body["code"])
