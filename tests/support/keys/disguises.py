"""The ways in which people paste a key: how they write it, and what surrounds it."""

import base64
import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from html import unescape
from random import Random
from urllib.parse import quote, unquote

from keys.token import ServerKeys, mint

PREFIXES = ("kd", "old")
SERVER_KEYS = ServerKeys((b"0123456789abcdef0123456789abcdef",))
SECRET_IN_A_ROW = 6
"""No redacted text may have this many consecutive characters of a key's secret."""

Disguise = Callable[[str, Random], str]


def made_key(seed: int, prefix: str = "kd") -> str:
    """A key, the same for the same seed."""
    return mint(SERVER_KEYS, prefix, choose=Random(seed).choice).token.reveal()


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _base64_for_addresses(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _every(text: str, form: str) -> str:
    return "".join(form.format(ord(character), character) for character in text)


def _wrapped(text: str, width: int, between: str) -> str:
    return between.join(text[start : start + width] for start in range(0, len(text), width))


def _spaced(text: str, random: Random) -> str:
    places = sorted(random.sample(range(1, len(text)), random.randint(1, 5)))
    return " ".join(text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True))


def _halves(text: str, random: Random) -> tuple[str, str]:
    place = random.randint(20, len(text) - 1)
    return text[:place], text[place:]


WHOLE: dict[str, Disguise] = {
    "bare": lambda key, _: key,
    "quoted": lambda key, _: f'"{key}"',
    "in smart quotes": lambda key, _: f"“{key}”",
    "in a code block": lambda key, _: f"```\n{key}\n```",
    "exported": lambda key, _: f"export KEYDESK_API_KEY='{key}'",
    "in an .env file": lambda key, _: f"LOG_LEVEL=debug\nKEYDESK_KEY={key}\nPORT=80",
    "in YAML": lambda key, _: f"environment:\n  - KEYDESK_KEY={key}\n  - PORT=80",
    "in a Kubernetes secret": lambda key, _: f"data:\n  api-key: {_base64(key)}\ntype: Opaque",
    "in a header": lambda key, _: f"X-API-Key: {key}",
    "as a bearer": lambda key, _: f"Authorization: Bearer {key}",
    "as a bearer twice": lambda key, _: f"Authorization: Bearer Bearer {key}",
    "by curl": lambda key, _: f"curl -sS -H 'X-API-Key: {key}' \\\n  https://api.example.com/v1/things",
    "by curl as a user": lambda key, _: f"curl -u {key}: https://api.example.com/v1/things",
    "by curl as a password": lambda key, _: f"curl -u api:{key} https://api.example.com/v1/things",
    "in an address": lambda key, _: f"https://api:{key}@api.example.com/v1",
    "in a query": lambda key, _: f"GET /v1/things?page=2&api_key={key}&sort=name HTTP/1.1",
    "in a log of nginx": lambda key, _: (
        f'203.0.113.7 - - [24/Nov/2026:10:00:00 +0000] "GET /v1?key={key} HTTP/1.1" 401 153 "-" "curl/8.5.0"'
    ),
    "in a log of Envoy": lambda key, _: f'[2026-11-24T10:00:00Z] "GET /v1?key={quote(key)} HTTP/2" 401 - 0 97 "curl"',
    "in a traceback": lambda key, _: (
        "Traceback (most recent call last):\n"
        f"  File \"/srv/app/sync.py\", line 12, in <module>\n    get(url, headers={{'X-API-Key': '{key}'}})\n"
        "requests.exceptions.HTTPError: 401 Client Error: Unauthorized"
    ),
    "in JSON": lambda key, _: json.dumps({"headers": {"x-api-key": key}, "status": 401}),
    "in JSON in JSON": lambda key, _: json.dumps({"body": json.dumps({"request": json.dumps({"key": key})})}),
    "in a HAR": lambda key, _: json.dumps({"headers": [{"name": "Authorization", "value": f"Bearer {key}"}]}),
    "in HTTPie's output": lambda key, _: f"GET /v1/things HTTP/1.1\nAccept: */*\nHost: api\nX-API-Key: {key}\n\n",
    "coloured": lambda key, _: f"\x1b[32m{key[:9]}\x1b[0m{key[9:]}",
    "highlighted": lambda key, _: f'<span class="s">{key[:30]}</span><wbr>{key[30:]}',
    "escaped for Markdown": lambda key, _: key.replace("_", "\\_"),
    "percent-encoded": lambda key, _: _every(key, "%{0:02X}"),
    "percent-encoded with its quotes": lambda key, _: quote(f'"{key}"'),
    "percent-encoded twice": lambda key, _: quote(_every(f" {key} ", "%{0:02x}")),
    "in JSON escapes": lambda key, _: _every(key, "\\u{0:04x}"),
    "in hexadecimal escapes": lambda key, _: _every(key, "\\x{0:02x}"),
    "in HTML references": lambda key, _: _every(key, "&#{0};"),
    "base64": lambda key, _: _base64(key),
    "base64 with a line feed": lambda key, _: _base64(f"{key}\n"),
    "base64 for addresses": lambda key, _: _base64_for_addresses(key),
    "base64 twice": lambda key, _: _base64(_base64(key)),
    "base64, wrapped": lambda key, _: _wrapped(_base64(key), 40, "\n"),
    "base64 of what has it": lambda key, random: _base64(f"{'x' * random.randint(0, 5)} my key is {key}, is it good?"),
    "basic, as the user": lambda key, _: f"Authorization: Basic {_base64(f'{key}:')}",
    "basic, as the password": lambda key, random: f"Basic {_base64('u' * random.randint(1, 4) + ':' + key)}",
    "hexadecimal": lambda key, _: key.encode().hex(),
    "hexadecimal in capitals": lambda key, _: key.encode().hex().upper(),
    "hexadecimal with colons": lambda key, _: key.encode().hex(":"),
    "hexadecimal with spaces": lambda key, _: key.encode().hex(" "),
    "hexadecimal in C": lambda key, _: ", ".join(f"0x{byte:02x}" for byte in key.encode()),
    "fullwidth": lambda key, _: "".join(chr(ord(character) + 0xFEE0) for character in key),
    "bold": lambda key, _: key.translate({ord("a") + at: 0x1D41A + at for at in range(26)}),
    "struck out": lambda key, _: "\u0336".join(key),
    "with an invisible character": lambda key, random: "\u200b".join(_halves(key, random)),
    "with invisible characters": lambda key, random: "".join(
        character + random.choice("\u200b\u200c\u2060\ufeff\u00ad\ufe0f\x00") for character in key
    ),
    "with letters that look alike": lambda key, _: key.translate(
        str.maketrans("aceopxyABCEHKMOPTX", "асеорхуАВСЕНКМОРТХ")
    ),
    "wrapped": lambda key, random: _wrapped(key, random.randint(15, 50), "\n"),
    "wrapped and indented": lambda key, random: _wrapped(key, random.randint(15, 50), "\n      "),
    "wrapped in a reply": lambda key, random: "> " + _wrapped(key, random.randint(15, 50), "\n> "),
    "wrapped in a reply to a reply": lambda key, random: ">> " + _wrapped(key, random.randint(15, 50), "\r\n>> "),
    "wrapped by a printer": lambda key, random: _wrapped(key, random.randint(15, 50), "=\r\n"),
    "continued": lambda key, random: _wrapped(key, random.randint(15, 50), "\\\n"),
    "continued and indented": lambda key, random: _wrapped(key, random.randint(15, 50), " \\\n    "),
    "put together": lambda key, random: '"{}" + "{}"'.format(*_halves(key, random)),
    "put together over lines": lambda key, random: "'{}'\n  '{}'".format(*_halves(key, random)),
    "put together in PHP": lambda key, random: "'{}' . '{}'".format(*_halves(key, random)),
    "with spaces in it": _spaced,
    "with a space after every character": lambda key, _: " ".join(key),
    "with no-break spaces": lambda key, random: "\u00a0".join(_halves(key, random)),
    "doubled": lambda key, _: key + key,
    "doubled with a comma": lambda key, _: f"{key}, {key}",
}
"""Each of them contains a well-formed key."""

NOT_WHOLE: dict[str, Disguise] = {
    "without its end": lambda key, random: key[: random.randint(21, 61)],
    "without its end, quoted": lambda key, random: f'"{key[: random.randint(21, 61)]}"',
    "without its end, in base64": lambda key, random: _base64(key[: random.randint(21, 61)]),
    "without its end, wrapped": lambda key, _: f"{key[:30]}\n{key[30:57]}",
    "without its beginning": lambda key, random: key[random.randint(1, 20) :],
    "without its prefix": lambda key, _: key[3:],
    "its last part": lambda key, _: key[20:],
    "its last part in base64": lambda key, _: _base64(key[20:]),
    "its last part in hexadecimal": lambda key, _: key[20:].encode().hex(),
    "its secret without the tag": lambda key, _: key[20:52],
    "with another prefix": lambda key, random: f"{random.choice(('sk', 'pk', 'api', 'key', 'req'))}_{key[3:]}",
    "with a letter lost": lambda key, _: key[:10] + key[11:],
    "with letters more": lambda key, _: f"{key}abcdef",
    "in capitals": lambda key, _: key.upper(),
    "in small letters": lambda key, _: key.lower(),
    "with dashes": lambda key, _: key.replace("_", "-"),
    "with spaces for underscores": lambda key, _: key.replace("_", " "),
    "with two underscores": lambda key, _: key.replace("_", "__"),
    "without underscores": lambda key, _: key.replace("_", ""),
    "without the first underscore": lambda key, _: key.replace("_", "", 1),
    "without the second underscore": lambda key, _: key[:19] + key[20:],
    "masked": lambda key, random: f"{key[: random.randint(5, 60)]}****{key[-4:]}",
    "masked with bullets": lambda key, random: f"{key[: random.randint(5, 60)]}••••••{key[-8:]}",
    "masked but for its end": lambda key, random: f"kd_****{key[-random.randint(6, 30) :]}",
    "with dots": lambda key, random: f"{key[: random.randint(21, 60)]}…",
    "in two, by words": lambda key, _: f"it starts with {key[:41]} and ends with {key[41:]}",
    "in two variables": lambda key, _: f'A="{key[:33]}"\nB="{key[33:]}"\nKEY=$A$B',
    "backwards": lambda key, _: key[::-1],
}
"""Parts of a key, or changed keys: not well-formed, but still secret."""

SENTENCES = (
    "",
    "my key stopped working yesterday: ",
    "Hi, we get 401 since 2026-11-24 and I don't know why.\n\n",
    "This is what I send, request id req_0199c0de0199c0de0199c0de0199c0de\n",
    "warum geht mein Schlüssel nicht? ",
    "¿por qué no funciona? ",
    "キーが使えません。 ",
    "Is key_0199c0de0199c0de0199c0de0199c0de the same as this? ",
    "a_b_c and snake_case_names (also CamelCaseNames) 100% of the time; ",
    "> quoted\n> ",
    "kd_",
    "the prefix is kd_ and then: ",
)
"""The text before a key, or after it if it begins with a space."""


def decodings(text: str) -> Iterator[str]:
    """Texts that can be decoded from a text, by other means than redaction uses."""
    seen = "".join(
        character
        for character in unicodedata.normalize("NFKC", text)
        if unicodedata.category(character) not in {"Cf", "Cc", "Mn"} or character.isspace()
    )
    plain = [text, seen, unescape(seen), unquote(seen), unquote(unquote(unquote(seen)))]
    plain += [re.sub(r"\\u([0-9a-f]{4})|\\x([0-9a-f]{2})", lambda code: chr(int(code[1] or code[2], 16)), seen)]
    for each in plain:
        together = "".join(each.split())
        yield each
        yield together
        yield "".join(filter(str.isalnum, each))
        for run in re.findall(r"[0-9A-Za-z+/_-]{8,}", together):
            characters = run.replace("-", "+").replace("_", "/")
            for offset in range(4):
                whole = characters[offset:][: (len(characters) - offset) // 4 * 4]
                yield base64.b64decode(whole).decode("latin-1")
        for run in re.findall(r"(?:[0-9a-fA-F]{2}){6,}", re.sub(r"0x|[:,]", "", together)):
            yield bytes.fromhex(run).decode("latin-1")


def survivors(key: str, text: str) -> list[str]:
    """The substrings of this length of a key's secret that can be decoded from the text."""
    secret = key[20:]
    parts = {secret[start : start + SECRET_IN_A_ROW] for start in range(len(secret) - SECRET_IN_A_ROW + 1)}
    return sorted({part for decoded in decodings(text) for part in parts if part in decoded})
