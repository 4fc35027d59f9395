"""The limits of a GraphQL document: each limit at its edge, and attempts to get around it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql import get_introspection_query

from app.graphql.documents import Documents
from app.graphql.errors import ExecutionRefused
from app.graphql.limits import Limits
from tests.support.graphql.tiny_schema import GRAPHQL, Tiny, code_of

FRIENDS = "fragment F on Person { b: name c: name }"
CIRCLE = "".join(f"fragment F{i} on Person {{ ...F{(i + 1) % 5} name }}" for i in range(5))


def nested(levels: int) -> str:
    """A document with this many levels of fields."""
    return "person { " + "friend { " * (levels - 2) + "name" + " }" * (levels - 1)


def spread_twice(depth: int) -> str:
    """A document whose fragments spread the next one twice, `depth` times over."""
    fragments = (f"fragment F{i} on Person {{ ...F{i + 1} ...F{i + 1} }} " for i in range(depth))
    return f"{{ person {{ ...F0 }} }} {''.join(fragments)} fragment F{depth} on Person {{ name }}"


@pytest.mark.parametrize(
    ("within", "over"),
    [
        pytest.param(f"{{ {nested(12)} }}", f"{{ {nested(13)} }}", id="depth"),
        pytest.param(
            "{ person { ...F } } fragment F on Person { ... { friend { "
            + nested(10).replace("person", "friend")
            + " } } }",
            "{ person { ...F } } fragment F on Person { ... { friend { "
            + nested(11).replace("person", "friend")
            + " } } }",
            id="depth through fragments",
        ),
        pytest.param(
            "{" + " ".join(f"a{i}: echo" for i in range(60)) + "}",
            "{" + " ".join(f"a{i}: echo" for i in range(61)) + "}",
            id="aliases",
        ),
        pytest.param(
            "{" + " ".join(f"a{i}: person {{ ...F }}" for i in range(20)) + "}" + FRIENDS,
            "{" + " ".join(f"a{i}: person {{ ...F }}" for i in range(21)) + "}" + FRIENDS,
            id="aliases wherever their fragment is spread",
        ),
        pytest.param("{ echo" + "\n#" * 4_997 + "\n}", "{ echo" + "\n#" * 4_998 + "\n}", id="tokens"),
    ],
)
async def test_a_limit_holds_at_its_edge(within: str, over: str) -> None:
    """A document at the limit is executed; one just over it is TOO_COMPLEX."""
    executed, refused = await Tiny().ask(within), await Tiny().ask(over)

    assert executed.json().keys() == {"data"}
    assert (refused.status_code, code_of(refused)) == (400, "TOO_COMPLEX")
    assert refused.json().keys() == {"errors"}


async def test_a_document_has_room_for_twenty_operations() -> None:
    """Operations are measured and validated separately, so their number is limited first."""
    twenty, one_more = (" ".join(f"query Q{i} {{ echo }}" for i in range(number)) for number in (20, 21))

    unnamed, refused = await Tiny().ask(twenty), await Tiny().ask(one_more)

    assert (code_of(unnamed), code_of(refused)) == ("GRAPHQL_VALIDATION_FAILED", "TOO_COMPLEX")


@pytest.mark.parametrize(
    ("document", "variables", "fields"),
    [
        pytest.param("{ echo person { name } }", {}, 3, id="fields"),
        pytest.param("{ person { badges { label number } } }", {}, 2 + 10 * 2, id="a list of unknown length"),
        pytest.param("{ person { letters { edges { text } } } }", {}, 2 + 50 * 2, id="a page by default"),
        pytest.param("{ person { letters(first: 7) { edges { text } } } }", {}, 2 + 7 * 2, id="a page"),
        pytest.param(
            "{ person { letters(first: 7) { ...F } } } fragment F on Letters { edges { text } }",
            {},
            2 + 7 * 2,
            id="a page through a fragment",
        ),
        pytest.param("{ person { letters(first: 0) { edges { text } } } }", {}, 2 + 2, id="an empty page"),
        pytest.param("{ person { letters(first: 2000) { edges { text } } } }", {}, 2 + 100 * 2, id="the largest page"),
        pytest.param(
            "query ($n: Int!) { person { letters(first: $n) { edges { text } } } }",
            {"n": 9},
            2 + 9 * 2,
            id="a page by a variable",
        ),
        pytest.param(
            "query ($n: Int! = 8) { person { letters(first: $n) { edges { text } } } }",
            {},
            2 + 8 * 2,
            id="a page by a variable's default",
        ),
        pytest.param(
            "{ person { ...F ...F } } fragment F on Person { badges { label } name }", {}, 1 + 2 * 12, id="fragments"
        ),
        *(
            pytest.param(f"{{ person {{ visits({time}) {{ label number }} }} }}", {}, 2 + intervals * 2, id=name)
            for name, time, intervals in [
                ("a month by the hour", 'from: "2026-10-01T00:00:00Z", to: "2026-11-01T00:00:00Z"', 744),
                ("begun hours", 'from: "2026-10-01T00:59:59Z", to: "2026-10-01T02:00:01Z"', 3),
                ("days", 'from: "2026-10-01T00:00:00Z", to: "2026-10-08T00:00:00Z", interval: DAY', 7),
                ("more than there can be", 'from: "1000-01-01T00:00:00Z", to: "9999-01-01T00:00:00Z"', 800),
                ("no time", 'from: "2026-10-01T00:00:00Z", to: "2025-10-01T00:00:00Z"', 1),
            ]
        ),
        *(
            pytest.param(
                "query ($a: DateTime!, $b: DateTime!, $i: Span! = DAY) "
                "{ person { visits(from: $a, to: $b, interval: $i) { label number } } }",
                {"a": "2026-10-01T00:00:00Z", "b": "2026-10-03T00:00:00Z", **interval},
                2 + intervals * 2,
                id=name,
            )
            for name, interval, intervals in [
                ("a time by variables", {"i": "HOUR"}, 48),
                ("an interval by a variable's default", {}, 2),
            ]
        ),
    ],
)
async def test_complexity_counts_what_the_answer_could_have(
    document: str, variables: dict[str, Any], fields: int
) -> None:
    """Fields below a list are multiplied by the page size, or by the list's usual length."""
    executed = await Tiny(Limits(complexity_fields=fields)).ask(document, variables=variables)
    refused = await Tiny(Limits(complexity_fields=fields - 1)).ask(document, variables=variables)

    assert executed.json().keys() == {"data"}
    assert code_of(refused) == "TOO_COMPLEX"


async def test_a_field_may_weigh_more_than_one() -> None:
    """A field's weight counts for the field of that type only."""
    weighing = {"Person.friend": 7, "Badge.friend": 100}

    answers = [
        await Tiny(Limits(complexity_fields=fields, weights=weighing)).ask("{ person { friend { name } } }")
        for fields in (1 + 7 + 1, 1 + 7)
    ]

    assert [answer.status_code for answer in answers] == [200, 400]


@pytest.mark.parametrize(
    "variables", [{"a": 1, "b": []}, {"a": "yesterday", "b": "2026-10-01"}, {"a": "2026-10-01", "b": None}, {}]
)
async def test_a_time_that_can_not_be_read_counts_as_the_longest(variables: dict[str, Any]) -> None:
    """If the longest period would be too complex, the answer is TOO_COMPLEX, otherwise BAD_USER_INPUT."""
    document = "query ($a: DateTime!, $b: DateTime!) { person { visits(from: $a, to: $b) { label } } }"

    answers = [await Tiny(Limits(complexity_fields=fields)).ask(document, variables=variables) for fields in (802, 801)]

    assert [code_of(answer) for answer in answers] == ["BAD_USER_INPUT", "TOO_COMPLEX"]


async def test_a_remembered_document_is_measured_with_each_request_s_variables() -> None:
    """A cached document is measured again with each request's variables."""
    tiny = Tiny(Limits(complexity_fields=100))
    document = "query ($n: Int!) { person { letters(first: $n) { edges { text } } } }"

    answers = [await tiny.ask(document, variables={"n": n}) for n in (50, 5, 50)]

    assert [answer.status_code for answer in answers] == [400, 200, 400]


async def test_fifty_mutations_fit_into_one_document() -> None:
    """The limit of aliases allows a batch of fifty mutations, which run one after the other."""
    document = "mutation {" + " ".join(f'm{i}: write(text: "{i}")' for i in range(50)) + "}"

    response = await Tiny().ask(document)

    assert list(response.json()["data"].values()) == [str(i) for i in range(50)]


@pytest.mark.parametrize("descriptions", [True, False])
async def test_a_tool_s_introspection_fits(descriptions: bool) -> None:
    """The full introspection query of tools is allowed, although it is deeper than other queries."""
    query = get_introspection_query(
        descriptions=descriptions, specified_by_url=True, directive_is_repeatable=True, input_value_deprecation=True
    )

    response = await Tiny().ask(query)

    assert response.json().keys() == {"data"}


@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param("{ person { ...F0 } }" + CIRCLE, "GRAPHQL_VALIDATION_FAILED", id="circle of fragments"),
        pytest.param("{ ...F } fragment F on Query { ...F }", "GRAPHQL_VALIDATION_FAILED", id="fragment in itself"),
        pytest.param(
            "{ person { ...F0 } }" + "".join(f"fragment F{i} on Person {{ ...F{(i + 1) % 600} }}" for i in range(600)),
            "TOO_COMPLEX",
            id="long circle of fragments",
        ),
        pytest.param(spread_twice(40), "TOO_COMPLEX", id="fragments that double"),
        pytest.param(spread_twice(350), "TOO_COMPLEX", id="many fragments that double"),
        pytest.param("{" + "... {" * 150 + "echo" + "}" * 151, "TOO_COMPLEX", id="nested inline fragments"),
        pytest.param("{" + "person {" * 1_600 + "name" + "}" * 1_601, "TOO_COMPLEX", id="nested fields"),
        pytest.param("{ echo(words: " + "[" * 2_000 + "]" * 2_000 + ") }", "TOO_COMPLEX", id="nested lists"),
        pytest.param("{ echo(wish: " + "{after: " * 900 + "{}" + "}" * 900 + ") }", "TOO_COMPLEX", id="nested objects"),
        pytest.param("{" + " echo" * 4_900 + "}", "TOO_COMPLEX", id="a field repeated"),
        pytest.param("{" + ' echo(text: "x")' * 800 + "}", "TOO_COMPLEX", id="a field with arguments repeated"),
        pytest.param("{" + " person { name }" * 1_200 + "}", "TOO_COMPLEX", id="an object repeated"),
        pytest.param("{" + " ".join(f"no{i}" for i in range(4_900)) + "}", "GRAPHQL_VALIDATION_FAILED", id="unknown"),
        pytest.param("{ echo(text: " + "9" * 200_000 + ") }", "GRAPHQL_VALIDATION_FAILED", id="a long number"),
        pytest.param(
            "query ($n: Int = " + "9" * 5_000 + ") { person { letters(first: $n) { edges { text } } } }",
            "GRAPHQL_VALIDATION_FAILED",
            id="a long number for a page",
        ),
        pytest.param(
            "{ __schema {"
            + " ".join(f"a{i}: types {{ fields {{ args {{ name isDeprecated }} }} }}" for i in range(59))
            + "} }",
            "TOO_COMPLEX",
            id="introspection repeated",
        ),
        pytest.param(f"{{ {nested(13)} nothing }}", "TOO_COMPLEX", id="too deep and not valid: not validated"),
        pytest.param("#\n" * 80_000, "TOO_COMPLEX", id="comments"),
    ],
)
async def test_a_hostile_document_is_refused_and_answered_briefly(document: str, code: str) -> None:
    """Repeated, nested, circular and long documents get a short refusal."""
    response = await Tiny().ask(document)

    assert (response.status_code, code_of(response)) == (400, code)
    assert len(response.content) < 20_000


@pytest.mark.parametrize("depth", [150, 250, 450])
async def test_deeply_nested_variables_are_no_failure(depth: int) -> None:
    """A recursive input value is accepted up to a depth, and BAD_USER_INPUT beyond it."""
    variables = '{"w":' + '{"after":' * depth + "{}" + "}" * depth + "}"
    body = '{"query": "query ($w: Wish) { echo(wish: $w) }", "variables": ' + variables + "}"

    response = await Tiny().send(content=body)

    assert response.json() == {"data": {"echo": ""}} if depth < 200 else code_of(response) == "BAD_USER_INPUT"


@pytest.mark.parametrize("surplus", [0, 1])
@pytest.mark.parametrize("in_parts", [True, False])
@pytest.mark.parametrize("form", [GRAPHQL, "application/json"])
async def test_a_body_over_its_limit_is_413(surplus: int, in_parts: bool, form: str) -> None:
    """The limit is exact, with or without Content-Length."""
    body = json.dumps({"query": "{ echo }"}).encode().ljust(256 * 1024 + surplus)

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    response = await Tiny().send(content=parts() if in_parts else body, headers={"accept": form})

    assert response.status_code == (413 if surplus else 200)
    assert not surplus or code_of(response) == "TOO_COMPLEX"


async def test_an_announced_length_is_refused_unread() -> None:
    """A Content-Length over the limit is refused without reading the body."""
    for length in ("262145", "9" * 5_000):
        response = await Tiny().send(content=b"{}", headers={"content-length": length})

        assert response.status_code == 413


def test_a_passed_document_is_prepared_once() -> None:
    """The same text is parsed and validated once."""
    prepared = Documents(Tiny().schema._schema, Limits())

    assert prepared.prepare("{ echo }") is prepared.prepare("{ echo }")


@pytest.mark.parametrize("limits", [Limits(cached_documents=2), Limits(cached_bytes=6_000)])
def test_the_documents_used_last_are_remembered(limits: Limits) -> None:
    """The cache is limited in number and bytes, and drops the document that was not used for longest."""
    prepared = Documents(Tiny().schema._schema, limits)
    texts = ["{ a: echo }", "{ b: echo }", "{ c: echo }"]
    first, second = prepared.prepare(texts[0]), prepared.prepare(texts[1])
    prepared.prepare(texts[0])

    prepared.prepare(texts[2])

    assert prepared.prepare(texts[0]) is first
    assert prepared.prepare(texts[1]) is not second


def test_refused_documents_take_nobody_s_place() -> None:
    """Refused documents are not cached."""
    prepared = Documents(Tiny().schema._schema, Limits(cached_documents=1))
    good = prepared.prepare("{ echo }")

    for number in range(5):
        with pytest.raises(ExecutionRefused):
            prepared.prepare(f"{{ no{number} }}")

    assert prepared.prepare("{ echo }") is good
