"""Redaction of this product's own secrets other than API keys: cookies, one-time passwords, settings, tokens."""

import base64
from collections.abc import Callable
from random import Random

import pytest

from assistant.redaction.finding import Kind
from assistant.redaction.redact import redact
from keys.sign_in.device_cookie import DeviceCookies
from keys.sign_in.passwords import new_one_time_password
from keys.sign_in.sessions import new_token
from tests.support.keys.disguises import PREFIXES, made_key
from tests.support.keys.pasted_forms import BYTE_LISTS, DUMPS

SESSION = new_token(random_bytes=Random(1).randbytes)[0].reveal()
VISIT = new_token(is_visit=True, random_bytes=Random(5).randbytes)[0].reveal()
DEVICE = DeviceCookies((b"k" * 32,), random_bytes=Random(2).randbytes).remember(None, "ada@example.com")
DEVICES = DeviceCookies((b"k" * 32,), random_bytes=Random(3).randbytes).remember(DEVICE, "bob@example.com")
ONE_TIME = new_one_time_password(choose=Random(4).choice).reveal()
SERVER_KEY = "correct-horse/battery+staple=2026-and-more"

COOKIES = [
    "keydesk_session={}",
    "__Host-keydesk_session={}",
    "Cookie: theme=dark; __Host-keydesk_session={}; lang=de",
    "Set-Cookie: __Host-keydesk_session={}; Path=/; HttpOnly; Secure; SameSite=Lax",
    "__Host-keydesk_session\t{}\tkeys.example.com\t/\tSession\t86\t✓\t✓\tLax",
    "keydesk_session {} keys.example.com / Session",
    "keydesk_session: {}",
    "keydesk_session is {}",
    '{{"name": "keydesk_session", "value": "{}", "path": "/"}}',
    "{{'keydesk_session': '{}'}}",
    "curl -b keydesk_session={} https://keys.example.com/graphql",
    "curl -b 'keydesk_session={}' https://keys.example.com/graphql",
    'curl --cookie "keydesk_session={}" https://keys.example.com/graphql',
    "#HttpOnly_keys.example.com\tFALSE\t/\tTRUE\t0\t__Host-keydesk_session\t{}",
    "document.cookie = 'keydesk_session=' + '{}'",
    "keydesk_session%3D{}",
    "<Cookie keydesk_session={} for keys.example.com/>",
    "| keydesk_session | {} |",
    "keydesk_session,{},keys.example.com",
    "cookies.set('keydesk_session', '{}')",
    "my session is {}, is that a problem?",
    "{}",
]


@pytest.mark.parametrize("text", COOKIES)
@pytest.mark.parametrize("session", [SESSION, VISIT], ids=["session", "visit"])
def test_the_session_cookie_is_not_kept(text: str, session: str) -> None:
    """However the browser, curl or a program writes it, and with no other text around it."""
    left = redact(text.format(session), PREFIXES)

    assert session[:8] not in left.text
    assert session[-8:] not in left.text
    assert len(left.pieces) == 1


@pytest.mark.parametrize("text", COOKIES)
@pytest.mark.parametrize("cookie", [DEVICE, DEVICES], ids=["one account", "two accounts"])
def test_the_device_cookie_is_not_kept(text: str, cookie: str) -> None:
    """It has its own form."""
    left = redact(text.replace("session", "device").format(cookie), PREFIXES).text

    assert not any(part[:8] in left or part[-8:] in left for part in cookie.split("."))


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("sha256:{}", True),
        ("sha256sum: {}", True),
        ("{}  keydesk-1.2.0.tar.gz", True),
        ("{} *keydesk.zip", True),
        ("docker pull keydesk@sha256:{}", True),
        ("commit {}", True),
        ("X-Checksum: {}", True),
        ('ETag: "{}"', True),
        ("my session is {}", False),
        ("what is {}?", False),
    ],
)
def test_a_digest_that_is_called_one_stays(text: str, stays: bool) -> None:
    """A session's value looks the same: 64 hexadecimal digits."""
    assert (SESSION in redact(text.format(SESSION), PREFIXES).text) is stays


@pytest.mark.parametrize("form", ["xxd", "hexdump", "od -c", "Wireshark", "list of Python", "code points"])
def test_a_session_cookie_in_a_dump_is_not_kept(form: str) -> None:
    """In the dumps that people make of keys."""
    left = redact((DUMPS | BYTE_LISTS)[form](f"keydesk_session={SESSION}"), PREFIXES).text

    assert "[cookie]" in left
    assert not any(map(str.isdigit, left))


@pytest.mark.parametrize(
    "write",
    [
        lambda password: password,
        lambda password: password.replace("-", " - "),
        lambda password: password.replace("-", " "),
        lambda password: password.replace("-", "–"),
        lambda password: password.replace("-", "."),
        lambda password: password.replace("-", "_"),
        lambda password: password.replace("-", "/"),
        lambda password: password.replace("-", ", "),
        lambda password: password.replace("-", "\n"),
        lambda password: password.replace("-", ""),
        lambda password: password.upper(),
        lambda password: f"“{password}”",
        lambda password: base64.b64encode(password.encode()).decode(),
        lambda password: f"\n{DUMPS['xxd'](password)}\n",
    ],
)
def test_a_one_time_password_is_not_kept(write: Callable[[str], str]) -> None:
    """Its form is fixed: four groups of five characters of an alphabet."""
    for seed in range(40):
        password = new_one_time_password(choose=Random(seed).choice).reveal()

        redacted = redact(f"my one-time password {write(password)} does not work", PREFIXES)

        assert not any(group in redacted.text.lower() for group in password.split("-"))
        assert redacted.text.startswith("my one-time password ")
        assert redacted.text.endswith(" does not work")


@pytest.mark.parametrize(
    "text",
    [
        "these crane gears break every three weeks",
        "cause-known-reset-start",
        "retry after 30000 12345 67892 99999 times",
        "2026-11-24 23:45:59 12345-67899-23456-78923",
        "see which pages start first",
    ],
)
def test_words_and_numbers_of_five_are_no_one_time_password(text: str) -> None:
    """A one-time password mixes digits and letters in its groups."""
    assert redact(text, PREFIXES).text == text


@pytest.mark.parametrize("name", ["KEYDESK_SECRET_KEY", "KEYDESK_GATEWAY_TOKEN", "KEYDESK_METRICS_TOKEN"])
@pytest.mark.parametrize(
    "text",
    [
        "{}={}",
        "export {}='{}'",
        "set {}={}",
        '$env:{} = "{}"',
        "{}: {}",
        "  - name: {}\n    value: {}",
        'docker run -e {}="{}" keydesk',
        '"{}": "{}"',
        "ENV {} {}",
        "Environment={}={}",
    ],
)
def test_the_operators_secrets_are_not_kept(name: str, text: str) -> None:
    """The values of the settings that hold one."""
    left = redact(text.format(name, SERVER_KEY), PREFIXES).text

    assert name in left
    assert not any(word in left for word in ("correct", "horse", "battery", "staple", "2026"))


@pytest.mark.parametrize(
    "text",
    [
        "KEYDESK_SECRET_KEY is not set",
        "is KEYDESK_GATEWAY_TOKEN required when the gateway is on the same host?",
        "KEYDESK_SECRET_KEY_FILE=/run/secrets/keydesk",
        "KEYDESK_GATEWAY_TOKEN=$GATEWAY_TOKEN",
        "KEYDESK_PUBLIC_URL=https://keys.example.com",
        "the keydesk_session cookie is not sent",
        "keydesk_session expired yesterday",
    ],
)
def test_the_names_of_secrets_stay(text: str) -> None:
    """A setting's or a cookie's name is not a secret."""
    assert redact(text, PREFIXES).text == text


@pytest.mark.parametrize("kind", ["s", "o"])
def test_a_token_for_programs_is_redacted_like_a_key(kind: str) -> None:
    """Whole, cut short, in a dump, and with separators; it is never looked up as a key."""
    token = made_key(7, f"kd{kind}")

    for text in (token, token[:40], DUMPS["xxd"](token), "-".join(token), token.replace("_", "-"), token.upper()):
        redacted = redact(f"Bearer {text}", PREFIXES)

        assert token[25:31] not in redacted.text
        assert {(piece.kind, piece.key) for piece in redacted.pieces} == {(Kind.KEY, None)}
