"""The stored form of a user agent: visible characters, never a key, and bounded in length."""

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.token import SECRET_LENGTH, mint
from keys.usage.user_agent import READ_AT_MOST, cleaned
from models.usage.caller import USER_AGENT_LENGTH_AT_MOST
from tests.conftest import SERVER_KEYS
from tests.support.parameters import in_turn

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
INVISIBLE = ("\u200b", "\u00ad", "\u2060", "\ufeff", "\x7f", "\x00", "\r\n", "\u2028", "\ue000")


def minted(prefix: str = "kd") -> tuple[str, str]:
    """A key, and its secret part."""
    made = mint(SERVER_KEYS, prefix)
    return made.token.reveal(), made.secret.reveal()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (BROWSER.encode(), BROWSER),
        (b"a" * 255 + b" and more", "a" * 255),
        (b"", ""),
        (b"  curl/8.5.0\t", "curl/8.5.0"),
        ("Grüße/1.0 (日本語) 🚀".encode(), "Grüße/1.0 (日本語) 🚀"),
        (b"a\x00b\r\nc\x1b[31md\x7fe", "abc[31mde"),
        (b"latin-1 \xe9", "latin-1 \N{REPLACEMENT CHARACTER}"),
        ("\u202eevil\u200b\ufeff\u2028\u2029\ue000\U000e0041".encode(), "evil"),
        (b"\xed\xa0\x80 surrogate", "\N{REPLACEMENT CHARACTER}" * 3 + " surrogate"),
        (b"\x00\x01\x02", ""),
        (b"python-requests/2.32", "python-requests/2.32"),
        (b"my_client_name/1.0 some_other_thing", "my_client_name/1.0 some_other_thing"),
    ],
)
def test_what_can_be_seen_is_kept(sent: bytes, kept: str) -> None:
    """Bytes that are not UTF-8 become the replacement character; control and format characters are removed."""
    assert cleaned(sent) == kept


@pytest.mark.parametrize(
    "around",
    ["{}", "curl/8 {}", "Bearer {} (mine)", '{{"key":"{}"}}', "x{}", "0{}", "a_b_{}", "{0},{0}", "KEY={}&b=c", "é{}é"],
)
@pytest.mark.parametrize("prefix", ["kd", "acme", "k", "k2345678901z"])
def test_a_key_in_it_is_not_kept(around: str, prefix: str) -> None:
    """With any prefix, whatever surrounds it."""
    key, secret = minted(prefix)

    kept = cleaned(around.format(key).encode())

    assert secret not in kept
    assert key.split("_")[1] not in kept
    assert "(key)" in kept


@pytest.mark.parametrize("invisible", INVISIBLE)
def test_a_key_with_what_cannot_be_seen_in_it_is_not_kept(invisible: str) -> None:
    """Anywhere: without the invisible characters, the text would be the key."""
    key, secret = minted()

    for place in range(1, len(key)):
        kept = cleaned(f"app {key[:place]}{invisible}{key[place:]}".encode())

        assert secret not in kept
        assert kept == "app (key)"


def test_no_half_of_a_key_is_kept_where_the_text_is_cut() -> None:
    """At the end of the stored text, and at the end of the text that is read."""
    key, secret = minted()

    for place in range(READ_AT_MOST + 50):
        kept = cleaned(b"a" * place + b" " + key.encode() + b" end")

        assert not any(secret[start : start + 4] in kept for start in range(SECRET_LENGTH - 3))


@given(
    st.binary(max_size=2 * READ_AT_MOST)
    | st.text(max_size=READ_AT_MOST).map(lambda text: text.encode("utf-8", "replace"))
)
def test_anything_fits_and_can_be_written_down(sent: bytes) -> None:
    """At most 256 characters, each of which a database can store."""
    kept = cleaned(sent)

    assert len(kept) <= USER_AGENT_LENGTH_AT_MOST
    assert kept == kept.strip()
    assert kept.encode().decode() == kept
    assert all(character.isprintable() or character.isspace() for character in kept)
    assert "\x00" not in kept
    assert "\x1f" not in kept


@pytest.mark.parametrize(
    ("write", "around"),
    in_turn(
        [
            lambda key: base64.b64encode(key.encode()).decode(),
            lambda key: base64.urlsafe_b64encode(f"x:{key}".encode()).decode(),
            lambda key: key.encode().hex(),
            lambda key: key.encode().hex(" "),
            lambda key: ",".join(map(str, key.encode())),
            lambda key: "".join(f"%{byte:02x}" for byte in key.encode()),
            lambda key: key.replace("_", "%5F"),
            lambda key: key.replace("_", "%255F"),
            lambda key: key.replace("_", "-"),
            lambda key: key.replace("_", ""),
            lambda key: key.split("_")[2],
            lambda key: f"https://app:{key}@keys.example.com",
        ],
        ["{}", "app/1.0 ({})", "KEY={};", "curl/8.5.0 {} linux"],
    ),
)
def test_a_key_in_another_form_is_not_kept(write: Callable[[str], str], around: str) -> None:
    """Encoded, without its underscores, or without its beginning."""
    for _ in range(20):
        key, secret = minted()
        written = write(key)

        kept = cleaned(around.format(written).encode())

        assert not any(secret[start : start + 6] in kept for start in range(SECRET_LENGTH - 5))
        assert not any(written[start : start + 24] in kept for start in range(len(written) - 23))


@pytest.mark.parametrize(
    "secret",
    [
        "6e83e3" + "0123456789abcdef" * 3 + "0123456789",
        "ghp_" + "abcdEFGH1234ijklMNOP5678qrstUVWX9012",
        "sk-ant-api03-" + "abcdEFGH1234ijklMNOP5678qrst",
        "https://ada:hunter2@keys.example.com",
    ],
)
def test_another_secret_is_not_kept(secret: str) -> None:
    """A session's cookie, another vendor's key, a password in an address."""
    kept = cleaned(f"app/1.0 {secret} (linux)".encode())

    assert secret not in kept
    assert "hunter2" not in kept
    assert "(secret)" in kept


@pytest.mark.parametrize(
    "sent",
    [
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
        "Mozilla/5.0 (Windows; U; Windows NT 5.1; sk-SK; rv:1.9.2) Gecko/20100115 Firefox/3.6",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 [FBAN/FBIOS;FBAV/454]",
        "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/UQ1A.240205.002.B1)",
        "aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5 md/GOOS#linux md/GOARCH#amd64 api/sts#1.30.3",
        "Go-http-client/1.1",
        "okhttp/4.12.0",
        "billing-sync/2.4 (+https://example.com/bots; build 6301b8dc1f0e2d3c4b5a69788796a5b4c3d2e1f0)",
        "python-requests/2.32.3 install/7f1c9a52-3b1e-4c55-9d1f-0a2b3c4d5e6f",
        "GoogleStackdriverMonitoring-UptimeChecks(https://cloud.google.com/monitoring)",
        "my%20agent/1.0 (100% uptime)",
        "PostmanRuntime/7.42.0 newman/6.2.1",
        "AbstractSingletonProxyFactoryBean2Provider/1.0",
    ],
)
def test_what_clients_are_called_stays(sent: str) -> None:
    """Browsers, libraries, versions, builds and install ids."""
    assert cleaned(sent.encode()) == sent
