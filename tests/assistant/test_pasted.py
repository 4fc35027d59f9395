"""The assistant's answers to pasted keys, request ids and whole responses, in the forms in which people paste them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import product

import pytest
import pytest_asyncio

from keys.token import ServerKeys, mint
from tests.conftest import Databases
from tests.support.assistant.checked_answers import ask, check
from tests.support.assistant.opened_worlds import Worlds
from tests.support.assistant.worlds import Made
from tests.support.client import SERVER_KEY
from tests.support.parameters import in_turn

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY_FORMS = {
    "bare": "{}",
    "in a sentence": "Can you tell me why “{}” is refused?",
    "curl": 'curl -i https://agents.example.com/v1/run -H "Authorization: Bearer {}"\nHTTP/1.1 401 Unauthorized',
    "environment": "export KEYDESK_API_KEY={}\npython run.py\n401",
    "JSON": '{{"headers": {{"X-API-Key": "{}"}}, "status": 401}}',
    "Python": 'Traceback (most recent call last):\n  File "run.py", line 3, in <module>\n'
    '    get(URL, headers={{"Authorization": "Bearer {}"}}).raise_for_status()\n'
    "requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://agents.example.com/v1/run",
}
"""Six ways in which a key is pasted."""
STATES = {
    "old secret of billing-sync": ("SECRET_REPLACED", "SECRET_REPLACED", "KEY_UNKNOWN", "KEY_UNKNOWN"),
    "secret of deploy": ("KEY_DELETED", "KEY_DELETED", "KEY_UNKNOWN", "KEY_UNKNOWN"),
    "secret of customer portal": ("KEY_WORKS", "KEY_WORKS", "KEY_UNKNOWN", "KEY_UNKNOWN"),
    "secret of spare": ("NO_REQUESTS_SEEN", "KEY_WORKS", "KEY_UNKNOWN", "KEY_UNKNOWN"),
    "secret of globex-stock": ("KEY_UNKNOWN", "KEY_UNKNOWN", "KEY_WORKS", "KEY_WORKS"),
    "secret of globex-payroll": ("KEY_UNKNOWN", "KEY_UNKNOWN", "KEY_DELETED", "KEY_DELETED"),
    "altered": ("KEY_UNKNOWN",) * 4,
}
"""The cases of a key for Ada and Mel of Acme, and for Eve, an admin, and Grace, a member, of Globex."""
ASKERS = (("ada", "acme"), ("mel", "acme"), ("eve", "globex"), ("grace", "globex"))
ANSWER_FORMS = {
    "id": "{}",
    "sentence": "What was the matter with request {}, please?",
    "JSON": '{{"type": "https://keys.example/docs/errors#x", "title": "access not permitted", "status": 401, '
    '"statusCode": 401, "message": "access not permitted", "requestId": "{}"}}',
    "curl": "$ curl -i https://agents.example.com/run\nHTTP/2 401\ncontent-type: application/problem+json\n"
    "x-request-id: {}\n",
    "Python": "httpx.HTTPStatusError: Client error '401 Unauthorized' for url 'https://agents.example.com/run'\n"
    '{{"message":"access not permitted","requestId":"{}"}}',
    "nginx": '203.0.113.9 - - [24/Nov/2026:11:57:01 +0000] "GET /run HTTP/1.1" 401 232 "-" "ci-runner/2.1" '
    "request_id={}",
}
"""Six ways in which a refused answer is pasted."""
REQUESTS = {
    "of deploy": ("KEY_DELETED", "NEEDS_DETAILS", "NEEDS_DETAILS"),
    "of billing": ("SECRET_REPLACED", "NEEDS_DETAILS", "NEEDS_DETAILS"),
    "of crawler": ("AGENT_NOT_IN_SCOPE", "AGENT_NOT_IN_SCOPE", "NEEDS_DETAILS"),
    "of nightly": ("RATE_LIMITED", "RATE_LIMITED", "NEEDS_DETAILS"),
    "of export": ("QUOTA_EXCEEDED", "NEEDS_DETAILS", "NEEDS_DETAILS"),
    "of globex": ("NEEDS_DETAILS",) * 3,
    "without a key": ("KEY_MISSING",) * 3,
    "cut short": ("KEY_MALFORMED",) * 3,
    "unknown": ("KEY_UNKNOWN",) * 3,
}
"""The cases of a request for Ada, Grace and Mel."""
DIAGNOSE = """
query ($organization: ID!, $request: ID!) {
  diagnoseRequest(organizationId: $organization, requestId: $request) { case evidence { label value } }
}
"""
CONVERSATIONS = "query ($id: ID!) { organization(id: $id) { conversations { id } } }"
MISTAKES = {
    'curl https://agents.example.com/run -H "Authorization: {}"': "KEY_MALFORMED",
    'curl https://agents.example.com/run -H "Authorization: Bearer Bearer {}"': "KEY_MALFORMED",
    'curl https://agents.example.com/run -H "X-API-Key: Bearer {}"': "KEY_MALFORMED",
    'curl https://agents.example.com/run -H "Authorization: Token {}"': "KEY_MALFORMED",
    'curl https://agents.example.com/run -H "Api-Key: {}"': "KEY_MISSING",
    "curl 'https://agents.example.com/run?api_key={}'": "KEY_MISSING",
    'requests.get(URL, headers={{"Authorization": "Bearer Bearer {}"}}) gives 401': "KEY_MALFORMED",
}
"""Wrong ways to send a good key."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worlds(databases: Databases) -> AsyncIterator[Worlds]:
    """The worlds, created on first use. The lookups in them must have changed no row."""
    async with AsyncExitStack() as stack:
        worlds = Worlds(databases, stack)
        yield worlds
        await worlds.check_unchanged()


@pytest.mark.parametrize(("state", "asker", "form"), in_turn(product(STATES, range(len(ASKERS))), list(KEY_FORMS)))
async def test_a_pasted_key_is_told_as_far_as_it_is_known_here(
    worlds: Worlds, state: str, asker: int, form: str
) -> None:
    """A person with a key of their organization gets its state; a key of another organization is like none at all."""
    world = await worlds.of("busy")
    person, organization = ASKERS[asker]

    told = await ask(world.made, person, KEY_FORMS[form].format(_key(world.made, state)), organization)

    assert told.case == STATES[state][asker], told.message["text"]
    check(told)


@pytest.mark.parametrize(
    ("request_name", "person", "form"), in_turn(product(REQUESTS, ["ada", "grace", "mel"]), list(ANSWER_FORMS))
)
async def test_a_pasted_answer_is_explained_by_its_request_id(
    worlds: Worlds, request_name: str, person: str, form: str
) -> None:
    """Only the id decides, and a request that the person may not see is like one that never was."""
    world = await worlds.of("busy")
    request_id = world.made.filled(f"«request {request_name}»")

    told = await ask(world.made, person, ANSWER_FORMS[form].format(request_id))

    assert told.case == REQUESTS[request_name][["ada", "grace", "mel"].index(person)], told.message["text"]
    assert any(request_id in each["value"] for each in told.diagnosis["evidence"])
    check(told)


@pytest.mark.parametrize("person", ["ada", "grace", "mel"])
@pytest.mark.parametrize("request_name", REQUESTS)
async def test_a_request_is_diagnosed_without_a_conversation(worlds: Worlds, request_name: str, person: str) -> None:
    """By its id, with the same result, and nothing is stored."""
    world = await worlds.of("busy")
    made = world.made
    request_id = made.filled(f"«request {request_name}»")
    client = await made.site.person(person)

    answer = await client.graphql(DIAGNOSE, organization=made.site.organization("acme"), request=request_id)

    assert answer.value["case"] == REQUESTS[request_name][["ada", "grace", "mel"].index(person)]
    assert request_id in str(answer.value["evidence"])
    assert (await client.graphql(CONVERSATIONS, id=made.site.organization("acme"))).value == {"conversations": []}


@pytest.mark.parametrize("message", MISTAKES)
@pytest.mark.parametrize("person", ["ada", "mel"])
async def test_a_good_key_that_was_sent_wrongly_is_not_the_matter(worlds: Worlds, message: str, person: str) -> None:
    """The answer names the mistake in the header, and says that the key itself is good."""
    world = await worlds.of("busy")

    told = await ask(world.made, person, message.format(_key(world.made, "secret of customer portal")))

    assert told.case == MISTAKES[message], told.message["text"]
    assert told.diagnosis["evidence"][0]["label"] == "In what you pasted"
    assert "What was pasted" in [each["label"] for each in told.diagnosis["evidence"]]
    check(told)


@pytest.mark.parametrize("person", ["ada", "grace", "mel"])
async def test_a_key_of_another_organization_is_told_as_one_that_never_was(worlds: Worlds, person: str) -> None:
    """Active, deleted, minted here and never stored, or altered: except for the hint, the answers are the same."""
    world = await worlds.of("busy")
    minted = mint(ServerKeys((SERVER_KEY.encode(),)), "kd").token.reveal()
    pasted = [_key(world.made, each) for each in ("secret of globex-stock", "secret of globex-payroll", "altered")]

    answers = [await ask(world.made, person, f"why does {each} get 401?") for each in (*pasted, minted)]

    told = {
        each.message["text"].replace(evidence["value"], "HINT")
        for each in answers
        for evidence in each.diagnosis["evidence"]
    }
    assert len(told) == 1
    assert all(each.kinds == [] for each in answers)
    assert len({str(each.message["suggestedReplies"]) for each in answers}) == 1


@pytest.mark.parametrize(("person", "case"), [("ada", "KEY_WORKS"), ("mel", "NEEDS_DETAILS")])
async def test_ten_different_keys_are_looked_up_in_an_hour(worlds: Worlds, person: str, case: str) -> None:
    """The eleventh is named by its hint, for a person who may see it; the ten can still be looked up."""
    world = await worlds.of("busy")
    made = world.made
    minted = [mint(ServerKeys((SERVER_KEY.encode(),)), "kd").token.reveal() for _ in range(10)]
    deploy, portal = _key(made, "secret of deploy"), _key(made, "secret of customer portal")

    cases = [(await ask(made, person, each)).case for each in (*minted[:9], deploy)]
    unknown, quoted = await ask(made, person, minted[9]), await ask(made, person, f"Authorization: Bearer '{portal}'")
    eleventh = await ask(made, person, portal)
    again = await ask(made, person, deploy)

    assert cases == ["KEY_UNKNOWN"] * 9 + ["KEY_DELETED"]
    assert unknown.case == "NEEDS_DETAILS"
    assert "too many different keys" in unknown.diagnosis["summary"]
    assert "hint" not in unknown.message["text"]
    assert quoted.case == "KEY_MALFORMED"
    assert eleventh.case == case
    assert "not looked up" in eleventh.diagnosis["evidence"][0]["value"]
    assert again.case == "KEY_DELETED"
    check(eleventh)


def _key(made: Made, state: str) -> str:
    """The key in this state, as issued or with a letter changed."""
    if state != "altered":
        return made.filled(f"«{state}»")
    secret = made.filled("«secret of deploy»")
    return f"{secret[:-30]}{'A' if secret[-30] != 'A' else 'B'}{secret[-29:]}"
