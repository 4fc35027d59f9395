"""Entities that are found literally anywhere in a message: in a sentence, a log, JSON, a header."""

import pytest

from app.graphql.errors import Code
from assistant.intents.entities import REFUSALS, Entities, HeaderMistake, entities
from assistant.intents.normalize import plain
from keys.outcomes import OF_CODE

REQUEST = "req_0199c0de4af27a31b0f2a1c3e5d7f901"
OTHER_REQUEST = "req_0199c0de4af27a31b0f2a1c3e5d7f902"


def found(text: str) -> Entities:
    """The entities of a raw message."""
    return entities(plain(text))


@pytest.mark.parametrize(
    ("text", "status_codes"),
    [
        ("401", (401,)),
        ("we get a 401 since monday", (401,)),
        ("HTTP/1.1 403 Forbidden", (403,)),
        ('"GET /v1/chat HTTP/1.1" 429 87 "-" "curl/8.5"', (429,)),
        ("AxiosError: Request failed with status code 401", (401,)),
        ("openai.APIStatusError: Error code: 503 - {'error': ...}", (503,)),
        ('{"statusCode":429,"message":"slow down"}', (429,)),
        ("first 401, later 403, then 401 again", (401, 403)),
        ("response 500 from the gateway", (500,)),
        ("returned 200 but the body is empty", (200,)),
        ("500 Internal Server Error", (500,)),
        ("エラー429が出ます", (429,)),
        ("总是返回401", (401,)),
        ("status:401", (401,)),
        ("４０１ Unauthorized", (401,)),
        ("we have 403 users and 401k plans", (403,)),
        ("it took 401ms", ()),
        ("port 4013, order 14290, 1.401 requests", ()),
        ("localhost:4031", ()),
        ("req_401f 10.4.29.1", ()),
        ("I made 500 requests", ()),
        ("on 2026-05-03 at 04:29", ()),
    ],
)
def test_statuses_are_found_and_other_numbers_are_not(text: str, status_codes: tuple[int, ...]) -> None:
    """Statuses of refused calls are found alone; others only beside a word that says what they are."""
    assert found(text).status_codes == status_codes


@pytest.mark.parametrize(
    "text",
    [
        REQUEST,
        f"what happened to {REQUEST}?",
        f'{{"error":{{"code":"deleted_key"}},"requestId":"{REQUEST}"}}',
        f"x-request-id: {REQUEST}\r\n",
        f"2026-10-01T10:00:00Z WARN upstream refused id={REQUEST} in 3ms",
        f"({REQUEST})",
        f"{REQUEST.upper()}",
        f"Anfrage {REQUEST}, zweimal: {REQUEST}",
        f"リクエスト{REQUEST}です",
        f"https://gw.example.com/logs/{REQUEST}",
    ],
)
def test_a_request_id_is_found_wherever_it_stands(text: str) -> None:
    """In a sentence, JSON, a header, a log, an address: once, as it was issued."""
    assert found(text).request_ids == (REQUEST,)


def test_several_request_ids_come_in_order_and_not_without_end() -> None:
    """Ten at most."""
    many = [f"req_{number:032x}" for number in range(30)]

    assert found(f"{OTHER_REQUEST} before {REQUEST}").request_ids == (OTHER_REQUEST, REQUEST)
    assert found(" ".join(many)).request_ids == tuple(many[:10])


def test_the_codes_of_refusals_are_those_that_a_caller_can_be_told() -> None:
    """The list is a copy: training runs where no other part of the application is installed."""
    assert set(REFUSALS) == set(OF_CODE)


@pytest.mark.parametrize("code", sorted(set(REFUSALS) - {"unavailable"}))
def test_the_code_of_a_refusal_is_found(code: str) -> None:
    """In its usual form, in capitals, and with hyphens, as in the audit log."""
    for text in (code, f"it says {code}.", f'"code":"{code}"', code.upper(), f"refused: {code.replace('_', '-')}"):
        assert found(text).codes == (code,)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("deleted_key, then invalid_key", ("deleted_key", "invalid_key")),
        ('{"code": "unavailable"}', ("unavailable",)),
        ("code: unavailable", ("unavailable",)),
        ("the page is unavailable", ()),
        ("KeyLimitReached", ("KeyLimitReached",)),
        ('{"extensions":{"code":"FORBIDDEN"}}', ("FORBIDDEN",)),
        ("403 Forbidden", ()),
        ("my_deleted_key_name", ()),
        ("the deleted key", ()),
    ],
)
def test_codes_are_told_from_words(text: str, codes: tuple[str, ...]) -> None:
    """An everyday word is a code only if it is written as one."""
    assert found(text).codes == codes


@pytest.mark.parametrize(
    "code", [Code.UNAUTHENTICATED, Code.PASSWORD_CHANGE_REQUIRED, Code.FORBIDDEN, Code.NOT_FOUND, Code.RATE_LIMITED]
)
def test_the_codes_of_graphql_that_somebody_asks_about_are_found(code: Code) -> None:
    """The other codes concern only programs."""
    expected = "rate_limited" if code == Code.RATE_LIMITED else code

    assert found(f'"code":"{code}"').codes == (expected,)


@pytest.mark.parametrize(
    ("text", "hints", "ids"),
    [
        ("kd_Ab3dEf…x9Qz", ("kd_Ab3dEf…x9Qz",), ()),
        ("the key kd_Ab3dEf...x9Qz fails", ("kd_Ab3dEf…x9Qz",), ()),
        ("kd_Ab3d… since monday", ("kd_Ab3d…",), ()),
        ("acme1_Ab3dEf…x9Qz and kd_Zz1…aaaa", ("acme1_Ab3dEf…x9Qz", "kd_Zz1…aaaa"), ()),
        ("[key kd_Ab3d…] fails", (), ()),
        ("key_0199c0de4af27a31b0f2a1c3e5d7f901", (), ("key_0199c0de4af27a31b0f2a1c3e5d7f901",)),
        ("agt_0199c0de4af27a31b0f2a1c3e5d7f901?", (), ("agt_0199c0de4af27a31b0f2a1c3e5d7f901",)),
        ("id key_0199c0de, org_0199c0de", (), ("key_0199c0de", "org_0199c0de")),
        ("monkey_0199c0de key_value", (), ()),
        ("wait... what", (), ()),
    ],
)
def test_hints_and_ids_are_found(text: str, hints: tuple[str, ...], ids: tuple[str, ...]) -> None:
    """As the console shows them; the placeholder of a redacted key is not a hint."""
    whole = found(text)

    assert (whole.hints, whole.ids) == (hints, ids)


@pytest.mark.parametrize(
    ("text", "pasted_key", "pasted_other"),
    [
        ("[key kd_Ab3d…]", True, False),
        ("[key]", True, False),
        ("my [AWS key] fails", False, True),
        ("[OpenAI key] and [key kd_Ab3d…]", True, True),
        ("Cookie: [cookie]", False, True),
        ("[a note] [1] []", False, False),
        ("key", False, False),
    ],
)
def test_it_is_known_what_was_pasted(text: str, pasted_key: bool, pasted_other: bool) -> None:
    """A key of ours, or another vendor's."""
    whole = found(text)

    assert (whole.has_pasted_key, whole.has_pasted_other) == (pasted_key, pasted_other)


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("curl https://gw.example.com/v1", ("gw.example.com",)),
        ("curl HTTP://GW.Example.com:8443/v1?a=http%3A", ("gw.example.com:8443",)),
        ("> Host: api.example.com\n> Accept: */*", ()),
        ("Host: api.example.com\nAccept: */*", ("api.example.com",)),
        ("https://user:pw@staging.example.com/x, https://gw.example.com", ("staging.example.com", "gw.example.com")),
        ("http://localhost:8000", ("localhost:8000",)),
        ("no address here, example.com aside", ()),
    ],
)
def test_hosts_are_those_of_addresses(text: str, hosts: tuple[str, ...]) -> None:
    """With their port, without the user name."""
    assert found(text).hosts == hosts


KEY = "[key kd_Ab3d…]"
MISTAKES = [
    (f"Authorization: {KEY}", {HeaderMistake.NO_BEARER}),
    (f'curl -H "Authorization: {KEY}" https://gw.example.com', {HeaderMistake.NO_BEARER}),
    (f"headers = {{'Authorization': '{KEY}'}}", {HeaderMistake.NO_BEARER}),
    ("Authorization: $API_KEY", {HeaderMistake.NO_BEARER}),
    (f"Authorization: Bearer Bearer {KEY}", {HeaderMistake.BEARER_TWICE}),
    (f"authorization: bearer  bearer {KEY}", {HeaderMistake.BEARER_TWICE}),
    (f"Authorization: Token {KEY}", {HeaderMistake.OTHER_SCHEME}),
    (f"Authorization: Basic {KEY}", {HeaderMistake.OTHER_SCHEME}),
    (f"Authorization: ApiKey {KEY}", {HeaderMistake.OTHER_SCHEME}),
    (f"X-API-Key: Bearer {KEY}", {HeaderMistake.BEARER_IN_X_API_KEY}),
    (f"curl -H 'apikey: {KEY}' https://gw.example.com", {HeaderMistake.OTHER_HEADER}),
    (f'curl --header "Api-Key: {KEY}" https://gw.example.com', {HeaderMistake.OTHER_HEADER}),
    (f"> api_key: {KEY}", {HeaderMistake.OTHER_HEADER}),
    (f"Authorization: Bearer '{KEY}'", {HeaderMistake.QUOTED}),
    (f'-H "Authorization: Bearer \\"{KEY}\\""', {HeaderMistake.QUOTED}),
    (f"X-API-Key: “{KEY}”", {HeaderMistake.QUOTED}),
    (f"https://gw.example.com/v1?api_key={KEY}", {HeaderMistake.IN_ADDRESS}),
    (f"GET /v1/chat?a=1&token={KEY} HTTP/1.1", {HeaderMistake.IN_ADDRESS}),
    ("Authorization: Bearer", {HeaderMistake.NOTHING_SENT}),
    ("Authorization: Bearer undefined", {HeaderMistake.NOTHING_SENT}),
    ("X-API-Key: None", {HeaderMistake.NOTHING_SENT}),
    ("curl -H 'Authorization: Bearer $API_KEY' https://gw.example.com", {HeaderMistake.VARIABLE_NOT_REPLACED}),
    ("Authorization: Bearer {{api_key}}", {HeaderMistake.VARIABLE_NOT_REPLACED}),
    ("Authorization: Bearer YOUR_API_KEY", {HeaderMistake.VARIABLE_NOT_REPLACED}),
    ("Authorization: Bearer <your key>", {HeaderMistake.VARIABLE_NOT_REPLACED}),
]


@pytest.mark.parametrize(("text", "mistakes"), MISTAKES)
def test_a_mistake_in_a_header_is_seen(text: str, mistakes: set[HeaderMistake]) -> None:
    """Alone, and within a message."""
    assert set(found(text).header_mistakes) == mistakes
    assert set(found(f"I do this and get 401:\n{text}\nwhat is wrong?").header_mistakes) == mistakes


def test_every_mistake_has_an_example() -> None:
    """Every mistake of the table is covered."""
    assert set.union(*(mistakes for _, mistakes in MISTAKES)) == set(HeaderMistake)


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {KEY}",
        f"X-API-Key: {KEY}",
        f'curl -H "Authorization: Bearer {KEY}" https://gw.example.com/v1?key=name',
        'curl -H "Authorization: Bearer $API_KEY" https://gw.example.com/v1',
        f"headers={{'X-API-Key': '{KEY}'}}",
        "do I send it as a Bearer token?",
        "which header, Authorization or X-API-Key?",
        f"the key: {KEY}",
        "Authorization: Bearer kd_Ab3dEf…x9Qz",
    ],
)
def test_what_is_right_is_no_mistake(text: str) -> None:
    """Both ways to send a key, and sentences about them."""
    assert found(text).header_mistakes == ()
