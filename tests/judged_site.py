"""Judging what a site answers by its model, and entering into the model what has happened."""

from typing import Any

import httpx

from tests import model
from tests.client import PEOPLE, Answer
from tests.documents import KEY
from tests.model import NAMES, Key
from tests.modelled_site import ModelledSite, email

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


class JudgedSite(ModelledSite):
    """What must be so in every answer, whatever step asked."""

    def agrees(self, answer: Answer, refusals: set[str], done: str) -> bool:
        """Whether it was done; it must be exactly where no reason speaks against it, and else one of them is named."""
        assert answer.outcome in (refusals or {done})
        return not refusals

    def judge_creation(self, person: str, organization: str, wanted: dict[str, Any], answer: Answer) -> Key | None:
        """Enters a creation into the model: the key, where one was issued."""
        row = self.model.organizations.get(organization)
        name, scope, agent_id = wanted["name"], wanted["scope"], wanted["agentId"]
        refusals = self.model.refusals_of_creation(person, row, name=name, scope=scope, agent_id=agent_id)
        if not self.agrees(answer, refusals, "ApiKeyIssued"):
            self.model.creation_refused(person, row, answer.outcome)
            if row is not None and answer.outcome == model.LIMIT_REACHED:
                candidates = [key.id for key in self.model.living(row) if self.model.manages(person, key)]
                assert answer.value["keyAllowance"] == self.model.allowance(row)
                assert [each["id"] for each in answer.value["candidates"]] == candidates
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
        """The key as this person must see it."""
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
        """The organization as this person must see it, with these of its keys; nothing where they are not in it."""
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
        """Everybody asks for the key; to who may not see it, it is not there."""
        for person in PEOPLE:
            answer = self.ask(person, lambda client: client.see(key.id))
            if self.model.sees(person, key):
                self.assert_shown(person, key, answer.value)
            else:
                assert answer.outcome == "null"

    def assert_verified(self, key: Key, secret: str, agent_id: str | None, answer: httpx.Response) -> None:
        """What a gateway is told of one of the key's secrets, for this agent."""
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

    def log(self, person: str, organization_id: str) -> list[dict[str, Any]] | None:
        """Every page of the log, newest first; None where the organization is."""
        events: list[dict[str, Any]] = []
        has_next, after = True, None
        while has_next:
            organization = self.ask(
                person, lambda client, after=after: client.graphql(LOG, id=organization_id, after=after)
            ).value
            if organization is None:
                return None
            page = organization["auditLog"]
            events += [edge["node"] for edge in page["edges"]]
            has_next, after = page["pageInfo"]["hasNextPage"], page["pageInfo"]["endCursor"]
        return events


def name_of(user: dict[str, str] | None) -> str | None:
    """What the tests call the person; None for the operator."""
    return None if user is None else user["email"].removesuffix("@example.com")


def code_of(answer: httpx.Response) -> str:
    """What a gateway was told, in a word."""
    if answer.status_code == 200:
        return "good"
    body = answer.json()
    assert answer.status_code == body["statusCode"] == (403 if body["code"] == "agent_not_in_scope" else 401)
    assert body["requestId"] == answer.headers["x-request-id"]
    return str(body["code"])
