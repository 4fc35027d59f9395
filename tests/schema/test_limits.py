"""The limits of a request with the real schema: the console's own queries pass, hostile ones are refused."""

import json
from typing import Any

import pytest
from graphql import get_introspection_query

from tests.support.client import GRAPHQL, Answer, Client, Site
from tests.support.graphql.documents import CREATE, KEY, LIST

START_PAGE = (
    """
query Start {
  supportEmail
  viewer {
    user { id email name } passwordChangeRequired
    organizations {
      id name viewerRole
      keyAllowance { used limit remaining } admins { id name email } agents { id name deletedAt }
      apiKeys(includeDeleted: true) { ...Key }
      auditLog { edges { cursor node { id action at summary actor { name } apiKey { id name } } } }
    }
  }
}
"""
    + KEY
)
LOG = """
fragment Log on AuditEventConnection {
  edges { cursor node { id action at ipAddress summary actor { id name email } apiKey { ...Key } } }
  pageInfo { hasNextPage endCursor }
}
"""
LOG_PAGE = (
    """
query Log($id: ID!, $first: Int! = 50, $after: String) {
  organization(id: $id) { id name viewerRole auditLog(first: $first, after: $after) { ...Log } }
}
"""
    + LOG
    + KEY
)
FULL_LOG = "auditLog(first: 100) { edges { node { id apiKey { ...Key } actor { id name email } } } }"


@pytest.fixture
async def ada(site: Site) -> Client:
    """An organization admin of Acme."""
    return await site.person("ada")


def code_before_execution(answer: Answer) -> str:
    """The error code of a short answer without execution."""
    assert answer.response.status_code in {400, 413}
    assert answer.body.keys() == {"errors"}
    assert len(answer.response.content) < 20_000
    assert len(set(answer.codes)) == 1
    return answer.codes[0]


async def test_what_the_console_asks_passes(site: Site, ada: Client) -> None:
    """The console's pages and a full introspection query pass."""
    acme = site.organization("acme")
    tool = get_introspection_query(specified_by_url=True, directive_is_repeatable=True, input_value_deprecation=True)

    answers = [
        await ada.graphql(START_PAGE),
        await ada.graphql(LOG_PAGE, id=acme, first=100),
        await ada.graphql(LIST, id=acme, includeDeleted=True, search="deploy"),
        await ada.graphql(tool),
    ]

    assert [answer.codes for answer in answers] == [[]] * len(answers)


async def test_sixty_creations_pass_and_sixty_one_create_nothing(site: Site, ada: Client) -> None:
    """Aliases are counted before execution."""
    acme = site.organization("acme")
    wanted = {"organizationId": acme, "name": "x", "scope": "ORGANIZATION"}

    async def create(times: int) -> Answer:
        fields = " ".join(f"m{number}: createApiKey(input: $input) {{ __typename }}" for number in range(times))
        return await ada.graphql(f"mutation ($input: CreateApiKeyInput!) {{ {fields} }}", input=wanted)

    too_many = await create(61)
    nothing = await ada.list_names(acme)
    many = await create(60)

    assert code_before_execution(too_many) == "TOO_COMPLEX"
    assert nothing == []
    assert len(many.data) == 60
    assert len(await ada.list_names(acme)) == 10


def hostile_documents(acme: str) -> dict[str, tuple[str, str]]:
    """By name: the document, and its expected error code."""
    organization = f'organization(id: "{acme}")'
    doubling = " ".join(f"fragment F{n} on Organization {{ ...F{n + 1} ...F{n + 1} }}" for n in range(20))
    circle = " ".join(f"fragment F{n} on ApiKey {{ ...F{(n + 1) % 5} }}" for n in range(5))
    aliases = " ".join(f"a{n}: name" for n in range(10))
    return {
        "aliased fields": (f"{{ {' '.join(f'a{n}: {organization} {{ id }}' for n in range(61))} }}", "TOO_COMPLEX"),
        "aliases in a fragment spread seven times": (
            f"{{ {organization} {{ {'...F ' * 7} }} }} fragment F on Organization {{ {aliases} }}",
            "TOO_COMPLEX",
        ),
        "long lists under aliases": (
            f"{{ {' '.join(f'a{n}: {organization} {{ {FULL_LOG} }}' for n in range(20))} }} {KEY}",
            "TOO_COMPLEX",
        ),
        "a fragment in itself": (
            f"{{ {organization} {{ ...F }} }} fragment F on Organization {{ name ...F }}",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        "a circle of fragments": (f"{{ apiKey(id: 1) {{ ...F0 }} }} {circle}", "GRAPHQL_VALIDATION_FAILED"),
        "fragments that double": (
            f"{{ {organization} {{ ...F0 }} }} {doubling} fragment F20 on Organization {{ {FULL_LOG} }} {KEY}",
            "TOO_COMPLEX",
        ),
        "deep nesting": ("{" + "viewer {" * 13 + "id" + "}" * 14, "TOO_COMPLEX"),
        "deep inline fragments": ("{" + "... {" * 60 + "supportEmail" + "}" * 61, "TOO_COMPLEX"),
        "a field without end": ("{" + " supportEmail" * 5_001 + "}", "TOO_COMPLEX"),
        "directives without end": ("{ supportEmail " + "@include(if: true) " * 1_000 + "}", "TOO_COMPLEX"),
        "nested arguments": ("{ apiKey(id: " + "[" * 2_000 + "]" * 2_000 + ") { id } }", "TOO_COMPLEX"),
        "introspection repeated": (
            "{ __schema {"
            + " ".join(f"a{n}: types {{ fields {{ args {{ name type {{ name }} }} }} }}" for n in range(59))
            + "} }",
            "TOO_COMPLEX",
        ),
        "a document of comments": ("{ supportEmail } " + "#\n" * 80_000, "TOO_COMPLEX"),
    }


async def test_hostile_documents_are_refused(site: Site, ada: Client) -> None:
    """Repeated, nested, circular and long documents are refused before execution, with a short answer."""
    documents = hostile_documents(site.organization("acme"))

    answers = {name: await ada.graphql(document) for name, (document, _) in documents.items()}

    assert [name for name, answer in answers.items() if answer.response.status_code != 400] == []
    assert {name: code_before_execution(answer) for name, answer in answers.items()} == {
        name: code for name, (_, code) in documents.items()
    }


async def test_a_page_s_size_is_measured_with_its_variable(site: Site, ada: Client) -> None:
    """The same document passes for small pages and is refused for large ones."""
    fields = " ".join(f"a{number}: auditLog(first: $first) {{ ...Log }}" for number in range(10))
    document = f"query ($id: ID!, $first: Int!) {{ organization(id: $id) {{ {fields} }} }} {LOG} {KEY}"

    answers = {first: await ada.graphql(document, id=site.organization("acme"), first=first) for first in (100, 10)}

    assert code_before_execution(answers[100]) == "TOO_COMPLEX"
    assert len(answers[10].value) == 10


async def test_many_aliases_that_all_look_things_up_are_answered(site: Site, ada: Client) -> None:
    """More concurrent fields than database connections are all answered."""
    fields = " ".join(f"a{number}: auditLog(first: 1) {{ edges {{ cursor }} }}" for number in range(55))

    answer = await ada.graphql(f'{{ organization(id: "{site.organization("acme")}") {{ {fields} }} }}')

    assert len(answer.value) == 55


def padded(document: str, size: int, **variables: Any) -> bytes:
    return json.dumps({"query": document, "variables": variables}).encode().ljust(size)


async def test_a_body_of_256_kilobytes_is_the_largest(site: Site, ada: Client) -> None:
    """One byte more gets 413, and nothing is executed."""
    acme = site.organization("acme")
    wanted = {"organizationId": acme, "name": "x", "scope": "ORGANIZATION"}
    headers = {"content-type": "application/json", "accept": GRAPHQL}

    largest, too_large = [
        Answer(await ada.http.post("/graphql", content=padded(CREATE, size, input=wanted), headers=headers))
        for size in (256 * 1024, 256 * 1024 + 1)
    ]

    assert largest.outcome == "ApiKeyIssued"
    assert (too_large.response.status_code, code_before_execution(too_large)) == (413, "TOO_COMPLEX")
    assert await ada.list_names(acme) == ["x"]


@pytest.mark.parametrize("batch", [0, 1, 2])
async def test_a_batch_is_no_request(site: Site, ada: Client, batch: int) -> None:
    """Several requests in one body are refused, and none is executed."""
    acme = site.organization("acme")
    request = {"query": CREATE, "variables": {"input": {"organizationId": acme, "name": "x", "scope": "ORGANIZATION"}}}

    answer = Answer(await ada.http.post("/graphql", json=[request] * batch, headers={"accept": GRAPHQL}))

    assert (answer.response.status_code, code_before_execution(answer)) == (400, "BAD_REQUEST")
    assert await ada.list_names(acme) == []


async def test_of_several_operations_the_named_one_is_executed(site: Site, ada: Client) -> None:
    """Without a name, or with an unknown one, no operation is executed."""
    acme = site.organization("acme")
    document = CREATE.replace("mutation", "query One { supportEmail } mutation Two")
    wanted = {"organizationId": acme, "name": "x", "scope": "ORGANIZATION"}

    async def ask(**members: Any) -> Answer:
        body = {"query": document, "variables": {"input": wanted}, **members}
        return Answer(await ada.http.post("/graphql", json=body, headers={"accept": GRAPHQL}))

    assert code_before_execution(await ask()) == "GRAPHQL_VALIDATION_FAILED"
    assert code_before_execution(await ask(operationName="Three")) == "GRAPHQL_VALIDATION_FAILED"
    assert (await ask(operationName="One")).data == {"supportEmail": None}
    assert await ada.list_names(acme) == []
    assert (await ask(operationName="Two")).outcome == "ApiKeyIssued"
