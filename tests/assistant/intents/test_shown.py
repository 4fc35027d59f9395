"""What programs say in pasted blocks, read for the cause that they show."""

import pytest

from app.verify import endpoint, responses
from assistant.intents.causes import FORM_OF_SIGN, OF_SIGN, Cause, Sign
from assistant.intents.entities import entities
from assistant.intents.normalize import LENGTH_AT_MOST, plain
from assistant.intents.shown import shown
from assistant.intents.signs.of_programs import OURS, SIGNS
from keys.verification.malformed_rules import FormatError


def signs(text: str) -> list[Sign | None]:
    """The signs that a raw message shows."""
    whole = plain(text)
    return [each.sign for each in shown(whole, entities(whole))]


def causes(text: str) -> set[Cause]:
    """The causes that a raw message shows."""
    whole = plain(text)
    return {each.cause for each in shown(whole, entities(whole))}


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("API_KEY=\nPORT=80", Sign.EMPTY_VARIABLE),
        ('export KEYDESK_TOKEN=""', Sign.EMPTY_VARIABLE),
        ("> authorization: Bearer undefined", Sign.EMPTY_VARIABLE),
        ('os.environ.get("SERVICE_KEY") returns None', Sign.EMPTY_VARIABLE),
        ('echo "${#API_KEY}" gives 0', Sign.EMPTY_VARIABLE),
        ('The "API_KEY" variable is not set. Defaulting to a blank string.', Sign.EMPTY_VARIABLE),
        ('proxy_set_header Authorization "";', Sign.DROPPED_ON_THE_WAY),
        ("requests.get(URL, header=headers)", Sign.WRONG_ARGUMENT),
        ("fetch(url, { headers: { 'ApiKey': process.env.KEY } })", Sign.OTHER_HEADER),
        ('$headers = @{ "Api-Key" = $env:API_KEY }', Sign.OTHER_HEADER),
        ("InvalidHeader: Invalid leading whitespace, reserved character(s), or return character(s)", Sign.LINE_BREAK),
        ("httpx.LocalProtocolError: Illegal header value b'Bearer [key]\\n'", Sign.LINE_BREAK),
        ('TypeError [ERR_INVALID_CHAR]: Invalid character in header content ["Authorization"]', Sign.LINE_BREAK),
        ("java.lang.IllegalArgumentException: Unexpected char 0x0a at 60 in Authorization value", Sign.LINE_BREAK),
        ('net/http: invalid header field value for "Authorization"', Sign.LINE_BREAK),
        ("System.FormatException: New-line characters are not allowed in header values.", Sign.LINE_BREAK),
        ("ValueError: Newline, carriage return, or null byte detected in headers.", Sign.LINE_BREAK),
        ("Illegal character(s) in message header value: Bearer [key]", Sign.LINE_BREAK),
        ("ArgumentError: header field value cannot include CR/LF", Sign.LINE_BREAK),
        ("API_KEY='[key]\\n'", Sign.LINE_BREAK),
        ("UnicodeEncodeError: 'latin-1' codec can't encode character '\\u201c' in position 7", Sign.NOT_ASCII),
        ("TypeError: Cannot convert argument to a ByteString because the character at index 7", Sign.NOT_ASCII),
        ('www.SetRequestHeader("Authorization", "Bearer" + apiKey);', Sign.BEARER_WITHOUT_SPACE),
        ("headers = {'Authorization': api_key}", Sign.NO_BEARER),
        ("headers={'Authorization': 'Token ' + clave}", Sign.OTHER_SCHEME),
        ("x-api-key: Bearer [key]", Sign.BEARER_IN_X_API_KEY),
        ("openai.RateLimitError: 429 insufficient_quota", Sign.USED_UP),
        ("com.example.RateLimitExceededException: 429 after 5 attempts", Sign.TOO_FAST),
        ("getaddrinfo ENOTFOUND gw.example.com", Sign.NAME_NOT_FOUND),
        ("java.net.UnknownHostException: gw.exmaple.com", Sign.NAME_NOT_FOUND),
        ("dial tcp: lookup gw.example.com: no such host", Sign.NAME_NOT_FOUND),
        ("curl: (6) Could not resolve host: gw.example.com", Sign.NAME_NOT_FOUND),
        ("ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", Sign.TLS),
        ("x509: certificate signed by unknown authority", Sign.TLS),
        ("Error: connect ECONNREFUSED 10.4.0.17:8443", Sign.NOT_CONNECTED),
        ("Faraday::ConnectionFailed: end of file reached", Sign.NOT_CONNECTED),
        ("aiohttp.client_exceptions.ServerDisconnectedError", Sign.NOT_CONNECTED),
        ("context deadline exceeded (Client.Timeout exceeded while awaiting headers)", Sign.TIMED_OUT),
        ("System.Threading.Tasks.TaskCanceledException: A task was canceled.", Sign.TIMED_OUT),
        ("Tunnel connection failed: 407 Proxy Authentication Required", Sign.PROXY),
        ("TypeError: Failed to fetch", Sign.BROWSER),
        ("llm:\n  base_url: https://gw.example.com\n  api_key: [OpenAI key]", Sign.OTHER_VENDOR),
        ("Authorization: Bearer [GitHub token]", Sign.OTHER_VENDOR),
        ("< Server: awselb/2.0", Sign.ANOTHER_ANSWERED),
        ("Incorrect API key provided. See https://platform.openai.com/account/api-keys.", Sign.ANOTHER_ANSWERED),
        ("<h1>503 Service Temporarily Unavailable</h1>", Sign.DOWN),
    ],
)  # fmt: skip
def test_what_a_block_shows_is_read(text: str, sign: Sign) -> None:
    """Names of errors, code and configuration show their causes."""
    assert sign in signs(text)


@pytest.mark.parametrize(
    "text",
    [
        'headers = {"Authorization": f"Bearer {API_KEY}"}\nrequests.get(URL, headers=headers)',
        "headers: { 'X-API-Key': process.env.API_KEY }",
        "API_KEY=[key]\nPORT=80",
        "curl -H \"Authorization: Bearer $API_KEY\" https://gw.example.com",
        '{"errors":[{"message":"not authenticated","extensions":{"code":"UNAUTHENTICATED"}}],"data":null}',
        "Can we have two keys? One for staging, one for production.",
        "api_key:\n  name: shop",
    ],
)  # fmt: skip
def test_right_code_shows_nothing(text: str) -> None:
    """Code that sends a key as it should shows no cause."""
    assert signs(text) == []


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("missing_key", Cause.MISSING),
        ("deleted_key", Cause.DELETED),
        ("replaced_secret", Cause.REPLACED),
        ("agent_not_in_scope", Cause.WRONG_AGENT),
        ("quota_exceeded", Cause.QUOTA),
    ],
)
def test_a_code_of_ours_comes_first(code: str, cause: Cause) -> None:
    """A code decides, whatever else is pasted with it."""
    whole = plain(f'Max retries exceeded with url: /x\n{{"status": 401, "code": "{code}"}}')

    first = shown(whole, entities(whole))[0]

    assert (first.cause, first.sign) == (cause, Sign.CODE)


def test_the_sentences_of_refusals_are_ours() -> None:
    """Each sentence that verification answers with is read, so that a screenshot's text is enough."""
    for outcome, detail in responses._DETAILS.items():
        assert causes(detail), outcome
    for said in endpoint_details():
        assert causes(said), said


def endpoint_details() -> list[str]:
    """The sentences of app/verify/endpoint.py about faulty headers."""
    faulty: list[dict[bytes, list[bytes]]] = [
        {},
        {b"authorization": [b"Basic eDp5"]},
        {b"authorization": [b"Bearer "]},
        {b"x-api-key": [b"a", b"b"]},
        {b"authorization": [b"Bearer a"], b"x-api-key": [b"b"]},
        {b"authorization": [b"Bearer a", b"Bearer a"]},
    ]
    return [endpoint.read_presented(headers).detail for headers in faulty]


def test_each_sign_has_a_cause_and_each_form_is_of_a_malformed_key() -> None:
    """Nothing that the tables name is left without a meaning."""
    assert set(Sign) - {Sign.CODE} == set(OF_SIGN)
    assert {OF_SIGN[sign] for sign in FORM_OF_SIGN} == {Cause.MALFORMED}
    assert {form for _, _, form in OURS} >= set(FormatError) - {FormatError.EMPTY} - _TOLD_TOO_SHORTLY


_TOLD_TOO_SHORTLY = {
    FormatError.ID,
    FormatError.ADDRESS,
    FormatError.UUID,
    FormatError.PLACEHOLDER,
    FormatError.SEVERAL,
}


@pytest.mark.parametrize(
    "unit",
    ["a", "A_KEY ", "KEY", "Bearer ", "[key", "\\n", "{'authorization':", "x=", "key is ", "header= ", "  ", "（"],
)
def test_no_text_is_too_much(unit: str) -> None:
    """Text that repeats what patterns begin with is read like any other."""
    whole = plain((unit * LENGTH_AT_MOST)[:LENGTH_AT_MOST])

    assert isinstance(shown(whole, entities(whole)), tuple)
    assert all(pattern.needs for pattern in SIGNS)
