"""Redaction of other vendors' credentials in a pasted text, and of texts without any."""

import base64

import pytest

from assistant.redaction.finding import Kind
from assistant.redaction.redact import redact
from assistant.redaction.vendors import VENDORS
from keys.verification.malformed_rules import FormatError
from tests.support.keys.disguises import PREFIXES, made_key
from tests.support.parameters import in_turn

HEXADECIMAL = "0123456789abcdef" * 4
LETTERS = "abcdEFGH1234ijklMNOP5678qrstUVWX90yzABCD"
RANDOM = "x7Kq2Lm9Zp4Tr8Wv3Ns6"
PEM_LINES = "\n".join(["MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MhgwMbRvI0MBZhpF", "abc9Q=="])
PRIVATE = "PRIVATE KEY"


def pem(label: str, lines: str = PEM_LINES) -> str:
    """A block in PEM form."""
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----"


# Assembled here, so that secret scanners don't report the file.
TOKENS: list[tuple[str, str]] = [
    ("AWS key", "AKIA" + "IOSFODNN7EXAMPLE"),
    ("AWS key", "ASIA" + "2" * 16),
    ("AWS key", "ABSK" + LETTERS * 3),
    *(("GitHub token", f"gh{kind}_" + LETTERS[:36]) for kind in "pousr"),
    ("GitHub token", "github_pat_" + LETTERS[:22] + "_" + LETTERS),
    ("GitLab token", "glpat-" + LETTERS[:20]),
    ("GitLab token", "glrt-" + LETTERS[:20]),
    ("Anthropic key", "sk-ant-api03-" + LETTERS + "-" + LETTERS),
    ("OpenAI key", "sk-" + LETTERS),
    ("OpenAI key", "sk-proj-" + LETTERS + "_" + LETTERS),
    *(("Slack token", f"xox{kind}-123456789012-" + LETTERS[:24]) for kind in "abprs"),
    ("Slack token", "xapp-1-A0123456789-" + LETTERS),
    *(("Stripe key", f"{kind}_" + LETTERS[:24]) for kind in ("sk_live", "sk_test", "rk_live", "pk_live")),
    ("Stripe key", "whsec_" + LETTERS[:32]),
    ("Google key", "AIza" + LETTERS[:35]),
    ("Google key", "GOCSPX-" + LETTERS[:28]),
    ("Google token", "ya29." + LETTERS),
    ("Twilio key", "SK" + HEXADECIMAL[:32]),
    ("SendGrid key", "SG." + LETTERS[:22] + "." + LETTERS),
    ("npm token", "npm_" + LETTERS[:36]),
    ("PyPI token", "pypi-AgEIcHlwaS5vcmc" + LETTERS),
    ("Docker token", "dckr_pat_" + LETTERS[:27]),
    ("DigitalOcean token", "dop_v1_" + HEXADECIMAL),
    ("Hugging Face token", "hf_" + LETTERS[:34]),
    ("Mailgun key", "key-" + HEXADECIMAL[:32]),
    ("New Relic key", "NRAK-" + LETTERS[:27].upper()),
    ("Notion token", "ntn_" + LETTERS),
    ("Shopify token", "shpat_" + HEXADECIMAL[:32]),
    ("Square token", "sq0csp-" + LETTERS),
    ("Telegram token", "1234567890:AA" + LETTERS[:33]),
    ("Vault token", "hvs." + LETTERS),
    ("Databricks token", "dapi" + HEXADECIMAL[:32]),
    ("Azure key", "abc8Q~" + LETTERS[:34]),
    ("age key", "AGE-SECRET-KEY-1" + LETTERS.upper()),
    ("JWT", "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjMifQ." + LETTERS),
    ("JWT", "eyJhbGciOiJub25lIn0." + "eyJzdWIiOiIxMjMifQ."),
]
WEBHOOKS = [
    ("Slack webhook", "https://hooks.slack.com/services/T00000000/B00000000/" + LETTERS[:24]),
    ("Discord webhook", "https://discord.com/api/webhooks/123456789012345678/" + LETTERS),
]

CONTEXTS: list[tuple[str, str]] = [
    ("curl -u alice:hunter2 https://x.example", "curl -u alice:[password] https://x.example"),
    ("curl --user 'alice:open sesame' https://x", "curl --user 'alice:[password]' https://x"),
    ("http -a alice:hunter2 x.example", "http -a alice:[password] x.example"),
    ("postgres://app:s3cr3t@db/prod", "postgres://app:[password]@db/prod"),
    ("https://alice:hunter2@x.example/a?b=c", "https://alice:[password]@x.example/a?b=c"),
    ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic [password]"),
    ("it is YWxpY2U6d29uZGVybGFuZDE= I think", "it is [password] I think"),
    ("Proxy-Authorization: basic dTpw", "Proxy-Authorization: basic [password]"),
    ('{"password": "hunter2"}', '{"password": "[password]"}'),
    ('"{\\"password\\": \\"hunter2\\"}"', '"{\\"password\\": \\"[password]\\"}"'),
    ('{"client_secret":"correct horse battery"}', '{"client_secret":"[password]"}'),
    ("DB_PASSWORD=letmein\nPORT=80", "DB_PASSWORD=[password]\nPORT=80"),
    ("export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYzz", "export AWS_SECRET_ACCESS_KEY=[password]"),
    ("password: hunter2!", "password: [password]!"),
    ("password: letmein", "password: [password]"),
    ("mein Passwort: geheim123", "mein Passwort: [password]"),
    ("mi contraseña: abierto1", "mi contraseña: [password]"),
    ("パスワード：himitsu1", "パスワード：[password]"),
    ("my password is hunter2, help", "my password is [password], help"),
    ("--password hunter2 --verbose", "--password [password] --verbose"),
    ("?token=abc123def456&page=2", "?token=[token]&page=2"),
    ("?token=abc123def456%26&page=2", "?token=[token]&page=2"),
    ("Authorization: Token " + HEXADECIMAL[:40], "Authorization: Token [token]"),
    ("Authorization: Bearer abc123def456", "Authorization: Bearer [token]"),
    ("DD_API_KEY=" + HEXADECIMAL[:32], "DD_API_KEY=[token]"),
    ("X-Auth-Token: abc123def456", "X-Auth-Token: [token]"),
    ("Cookie: session=abc; theme=dark\nAccept: */*", "Cookie: [cookie]\nAccept: */*"),
    ("Set-Cookie: id=1; Path=/; HttpOnly", "Set-Cookie: [cookie]"),
    ("-H 'cookie: keydesk_session=abc' -H 'a: b'", "-H 'cookie: [cookie]' -H 'a: b'"),
    ("curl -b 'a=b; c=d' https://x", "curl -b '[cookie]' https://x"),
    ('{"name": "Cookie", "value": "a=b; c=d"}', '{"name": "Cookie", "value": "[cookie]"}'),
    ('{"name": "X-Auth-Key", "value": "abc123def456"}', '{"name": "X-Auth-Key", "value": "[secret]"}'),
    (f"it says {RANDOM} here", "it says [secret] here"),
    (pem(f"RSA {PRIVATE}"), "[private key]"),
    (f"mine:\n{pem(PRIVATE)}\nbye", "mine:\n[private key]\nbye"),
    (f'"{pem(f"OPENSSH {PRIVATE}")}"'.replace("\n", "\\n"), '"[private key]"'),
    (pem(PRIVATE).partition("\nabc")[0], "[private key]"),
    (f"-----BEGIN {PRIVATE}----- is what I sent", "[private key] is what I sent"),
]

INNOCENT = [
    "",
    " ",
    "Why does my key fail?",
    "my password is wrong",
    "Where do I find the secret: it was shown once, and the token: expired.",
    "password=$PASSWORD token=${TOKEN} secret={{ secret }} X-API-Key: <your key> key=%KEY% token=process.env.API_TOKEN",
    'headers = {"Authorization": f"Bearer {token}", "password": os.environ["PASSWORD"]}',
    "password = get_password(user)\nsecret=settings.secret",
    "password: ******** and token: null, secret: undefined",
    'requests.get(url, auth=("user", password))',
    "Authorization: Bearer authentication is required; Basic authentication is off",
    "X-API-Key: billing-sync-2024 is what the key is called, api key: nightly-2",
    "postgresql+asyncpg://user:password@host/name",
    "curl -u alice https://x.example:8443/a@b -H 'Accept: */*'",
    f"req_{HEXADECIMAL[:32]} key_{HEXADECIMAL[:32]} agt_{HEXADECIMAL[:32]} org_{HEXADECIMAL[:32]}",
    f"usr_{HEXADECIMAL[:32].upper()}, evt_{HEXADECIMAL[:32]}.",
    "req_011CSHoEeqs5C35K2UUqR7Fy and request-id: 011CSHoEeqs5C35K2UUqR7Fy",
    f'"x-request-id": "{LETTERS[:30]}"',
    "0199c0de-0199-7c0d-8e01-99c0de0199c0 and X-Request-Id: 0199c0de-0199-7c0d-8e01-99c0de0199c0",
    f"commit {HEXADECIMAL[:40]} and 4eb9ca5, sha256:{HEXADECIMAL}",
    f"sha512-{LETTERS * 2}zz==",
    f"traceparent: 00-{HEXADECIMAL[:32]}-{HEXADECIMAL[:16]}-01",
    pem("CERTIFICATE"),
    pem("PUBLIC KEY"),
    f"ssh-ed25519 {LETTERS * 2} me@example",
    "snake_case_names_of_variables, get_responsibilities_list and AbstractSingletonProxyFactoryBean2Provider",
    "kd_settings, kd_responsibilities_list, my kd_ keys, kd_prod",
    "AccessKeySecretProvider2Factory iPhone15ProMax OAuth2Token TypeScript5Compiler",
    '[2026-11-24T10:00:00.123Z] "GET /v1/things?page=2&sort=name HTTP/1.1" 401 153 "-" "curl/8.5.0" 203.0.113.7:52100',
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "https://docs.example.com/docs/errors#invalid_key?utm_source=newsletter&utm_campaign=autumn-2026",
    "ada@example.com, 2001:db8::8a2e:370:7334, 10:00 until 11:30, 100% of 50 %41 &amp; \\u0041 \\n",
    "mein Schlüssel geht nicht, ¿por qué? 為什麼我的金鑰無法使用？ キーが使えません",
    "e\u0301 is \u200b zero \u202e width, ﬁ and ½ and 𝕏, \ud800",
    f"this was {redact(made_key(1), PREFIXES).text}, and [password], [AWS key], [private key] and [key]",
]


@pytest.mark.parametrize(
    ("name", "token", "around"),
    in_turn(TOKENS + WEBHOOKS, ["{}", "it was {}, I think", "KEY='{}'", '{{"a": "{}"}}', "Bearer {}", "?key={}&a=b"]),
)
def test_a_vendors_credential_is_named_and_gone(name: str, token: str, around: str) -> None:
    """Whatever surrounds it."""
    redacted = redact(around.format(token), PREFIXES)

    assert f"[{name}]" in redacted.text
    assert token[-8:] not in redacted.text
    assert [(piece.kind, piece.marker) for piece in redacted.pieces] == [(Kind.VENDOR, f"[{name}]")]


def test_every_vendor_is_met_here() -> None:
    """Each has an example."""
    assert {name for name, _ in TOKENS + WEBHOOKS} == {name for name, *_ in VENDORS}


@pytest.mark.parametrize(("name", "token"), TOKENS)
def test_a_vendors_credential_is_found_in_an_encoding(name: str, token: str) -> None:
    """Base64, hexadecimal and percent-encoded as well."""
    for encoded in (
        base64.b64encode(token.encode()).decode(),
        token.encode().hex(),
        "".join(f"%{byte:02X}" for byte in token.encode()),
    ):
        assert redact(f"see {encoded} ", PREFIXES).text == f"see [{name}] "


@pytest.mark.parametrize("token", [token for name, token in TOKENS if name.startswith(("GitHub", "OpenAI", "Stripe"))])
def test_half_of_a_vendors_credential_is_as_secret(token: str) -> None:
    """A credential that was cut short when it was copied."""
    half = token[:28]

    assert half[-8:] not in redact(f"{half} is it", PREFIXES).text


@pytest.mark.parametrize(("text", "left"), CONTEXTS)
def test_a_credential_is_known_by_what_stands_before_it(text: str, left: str) -> None:
    """A header, an option, an address, a word."""
    assert redact(text, PREFIXES).text == left


@pytest.mark.parametrize("text", INNOCENT)
def test_a_text_without_secrets_stays_as_it_is(text: str) -> None:
    """Ids, digests, certificates, names, code, other languages, and redacted text."""
    redacted = redact(text, PREFIXES)

    assert redacted.text == text
    assert redacted.pieces == ()


def test_whose_key_it_is_is_said_as_a_refusal_would() -> None:
    """If the form shows it."""
    [vendor] = redact(f"X-API-Key: {TOKENS[3][1]}", PREFIXES).pieces
    [basic] = redact("Authorization: Basic dXNlcjpwYXNzd29yZA==", PREFIXES).pieces
    [other] = redact("password=hunter2", PREFIXES).pieces

    assert vendor.malformed is not None
    assert vendor.malformed.error is FormatError.VENDOR
    assert vendor.malformed.detail.startswith("A GitHub token was sent")
    assert basic.malformed is not None
    assert basic.malformed.error is FormatError.BASIC_CREDENTIALS
    assert other.malformed is None


def test_all_of_it_at_once() -> None:
    """Each kind, once each, in the order of the text."""
    text = f"{made_key(1)} {TOKENS[0][1]} password=hunter2 token=abc123def456 {RANDOM}\nCookie: a=b\n{pem(PRIVATE)}"

    redacted = redact(text, PREFIXES)

    assert [piece.kind for piece in redacted.pieces] == [
        Kind.KEY,
        Kind.VENDOR,
        Kind.PASSWORD,
        Kind.TOKEN,
        Kind.SECRET,
        Kind.COOKIE,
        Kind.PRIVATE_KEY,
    ]
    assert all(piece.marker in redacted.text for piece in redacted.pieces)
