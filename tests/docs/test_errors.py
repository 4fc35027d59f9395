"""docs/errors.md says the same of each refusal as its caller gets."""

import json
import re

import pytest
from graphql import GraphQLUnionType, build_schema

from app.graphql.errors import Code
from app.verify.responses import Answers
from keys.limits.limiter import Decision, Exceeded
from keys.limits.sliding_window import LimitStatus, Month
from keys.outcomes import Outcome
from keys.token import ServerKeys, mint
from keys.verification.malformed import Malformed, examine
from keys.verification.verdict import RequestedAgent, Verdict
from models.key_lookup import KeyState
from models.organization import DEFAULT_MONTHLY_QUOTA, DEFAULT_RATE_LIMIT
from tests.support.documentation import ROOT, rows, sections

REFUSED = [outcome for outcome in Outcome if outcome is not Outcome.GOOD]
PARTS = ("What you see", "Why", "For callers", "For agent admins", "For organization admins")


@pytest.mark.parametrize("outcome", REFUSED, ids=lambda outcome: outcome.code)
def test_every_code_of_a_refused_verification_has_its_section(outcome: Outcome) -> None:
    """The section is named as the code, with symptom, cause and remedy for each kind of reader."""
    section = sections("docs/errors.md")[outcome.code]

    assert tuple(re.findall(r"^\*\*([A-Z][a-z ]+)\.\*\*", section, re.MULTILINE)) == PARTS
    assert section.strip().startswith(f"**What you see.** {outcome.status}, `{outcome.code}`")


def test_the_table_of_statuses_links_every_code() -> None:
    """Each status of a refusal has one row, with its codes."""
    table = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8").partition("\n## ")[0]

    linked = {int(status): set(re.findall(r"\[(\w+)\]\(#\1\)", codes)) for status, _, codes in rows(table)}
    assert linked == {
        status: {outcome.code for outcome in REFUSED if outcome.status == status} for status in (401, 403, 429, 503)
    }


MONTH = Month(1_793_491_200, 1_796_083_200)
KEY = KeyState("0" * 32, "1" * 32, None, None, None, False, False, True, DEFAULT_RATE_LIMIT, DEFAULT_MONTHLY_QUOTA)


def decision(exceeded: Exceeded, retry_in_seconds: int) -> Decision:
    """A decision of a limiter that refuses."""
    return Decision(exceeded, LimitStatus(0, 0, DEFAULT_MONTHLY_QUOTA, MONTH, 0), 1000 * retry_in_seconds)


def cut_off_key() -> Malformed:
    """The detail for a key without its last three characters."""
    return examine(mint(ServerKeys((b"a server key of thirty-two bytes",)), "kd").token.reveal()[:-3], ("kd",))


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(Outcome.MALFORMED_KEY, "", malformed=cut_off_key()),
        Verdict(Outcome.INVALID_KEY, ""),
        Verdict(Outcome.DELETED_KEY, "", KEY),
        Verdict(Outcome.REPLACED_SECRET, "", KEY),
        Verdict(Outcome.AGENT_NOT_IN_SCOPE, "", KEY),
        Verdict(Outcome.RATE_LIMITED, "", KEY, decision=decision(Outcome.RATE_LIMITED, 3)),
        Verdict(Outcome.QUOTA_EXCEEDED, "", KEY, decision=decision(Outcome.QUOTA_EXCEEDED, 4 * 86_400)),
        Verdict(Outcome.UNAVAILABLE, ""),
    ],
    ids=lambda verdict: verdict.outcome.value,
)
def test_the_sentence_of_a_refusal_is_quoted_as_it_is_said(verdict: Verdict) -> None:
    """The section quotes the detail that a refused caller gets."""
    _, _, body = Answers("https://keys.example").of(verdict, "req_0")

    said = " ".join(sections("docs/errors.md")[verdict.outcome.value].split())
    assert json.loads(body)["detail"] in said


BADLY_ENCODED = RequestedAgent(None, True, is_badly_encoded=True)


@pytest.mark.parametrize(
    "wanted",
    [
        RequestedAgent(),
        RequestedAgent(None, True),
        RequestedAgent(None, True, True),
        RequestedAgent("0" * 32),
        BADLY_ENCODED,
    ],
)
def test_what_is_said_of_the_agents_header_is_quoted_too(wanted: RequestedAgent) -> None:
    """Each sentence about a malformed agent header."""
    verdict = Verdict(Outcome.AGENT_NOT_IN_SCOPE, "", KEY)
    _, _, body = Answers("https://keys.example").of(verdict, "req_0", wanted)

    said = " ".join(sections("docs/errors.md")["agent_not_in_scope"].split())
    assert f"*{json.loads(body)['detail']}*" in said


@pytest.mark.parametrize("code", ["missing_key", "gateway_not_allowed"])
def test_the_sentence_of_a_refusal_without_a_verdict_is_quoted_too(code: str) -> None:
    """The sentences that the verification endpoint adds itself."""
    quoted = re.search(r"`: \*(.+?)\*$", sections("docs/errors.md")[code], re.MULTILINE)

    assert quoted is not None
    assert f'"{quoted[1]}"' in (ROOT / "app" / "verify" / "endpoint.py").read_text(encoding="utf-8")


FIELDS = {"AssistantEvent": "assistantAnswer"}
"""Unions that are not named after their field."""
REFUSING = {
    "AlreadyMember",
    "ApiKeyAlreadyIssued",
    "ApiKeyNotFound",
    "InvalidInput",
    "InvitationNotFound",
    "KeyLimitReached",
    "LastOrganizationAdmin",
    "LinkNotValid",
    "MemberNotFound",
    "OtherPersonSignedIn",
    "ServiceTokenNotFound",
    "SignInRefused",
}


def test_every_refusal_in_a_fields_result_is_explained() -> None:
    """The table names each refusal type of our fields, with the fields that return it."""
    types = build_schema((ROOT / "schema" / "schema.graphql").read_text()).type_map.values()
    explained = {row[0].strip("`"): row[1] for row in rows(sections("docs/errors.md")["Refusals in a field's result"])}

    refusing = {
        (member.name, FIELDS.get(union.name) or union.name[0].lower() + union.name[1:].removesuffix("Result"))
        for union in types
        if isinstance(union, GraphQLUnionType)
        for member in union.types
        if member.name in REFUSING
    }
    assert {name for name, _ in refusing} == REFUSING
    assert {(name, field) for name, field in refusing if f"`{field}`" not in explained[name]} == set()


def test_every_code_of_graphql_is_explained() -> None:
    """The table has exactly the codes that an answer can carry."""
    explained = [row[0].strip("`") for row in rows(sections("docs/errors.md")["Codes of GraphQL errors"])]

    assert sorted(explained) == sorted(Code)
