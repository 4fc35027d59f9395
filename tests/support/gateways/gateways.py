"""
Real gateways as processes of the tests, configured by the recipes of docs/guide/gateways.md.

Only addresses, agents' ids and the token are replaced in a recipe. Each process has a folder of its own, and listens
only on loopback.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from tests.support.gateways.programs import Program

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "guide" / "gateways.md"
LOCK = ROOT / "tests" / "gateways.lock"
"""The lock file of Traefik and Envoy."""
TOKEN = "a-token-of-these-tests"


Change = Callable[[str], str]
"""Adds to a recipe what the page says about a special case."""


@dataclass(frozen=True, slots=True)
class Places:
    """The values that fill a recipe: the ports of Keydesk and of the two agents, and the agents' ids."""

    keydesk: int
    crawler: int
    biller: int
    crawler_id: str
    biller_id: str


def recipe(heading: str, page: Path = PAGE) -> list[str]:
    """The fenced blocks of a section of the page."""
    found, inside = [], False
    tokens = MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8"))
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and after is not None:
            inside = after.content == heading
        elif token.type == "fence" and inside:
            found.append(token.content)
    return found


def swap(text: str, old: str, new: str) -> str:
    """Replaces a text that must occur exactly once."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


def _put_in(text: str, places: Places) -> str:
    """
    Fills these values and the tests' token into a recipe. Each of the page's placeholders must occur.

    In one pass: a value may look like a placeholder, such as an id that ends in 02.
    """
    values = {
        r"\b8000\b": str(places.keydesk),
        r"\b9001\b": str(places.crawler),
        r"\b9002\b": str(places.biller),
        r"\bagt_\w+01\b": places.crawler_id,
        r"\bagt_\w+02\b": places.biller_id,
    }
    for pattern in values:
        assert re.search(pattern, text), pattern
    assert re.search(r"the-gateway-token|KEYDESK_GATEWAY_TOKEN", text)

    def value(found: re.Match[str]) -> str:
        return next(value for pattern, value in values.items() if re.fullmatch(pattern, found[0]))

    return re.sub("|".join(values), value, text).replace("the-gateway-token", TOKEN)


def as_written(text: str) -> str:
    """Adds nothing to the recipe."""
    return text


def nginx(places: Places, port: int, folder: Path, change: Change = as_written) -> Sequence[str]:
    """Replaces Debian's nginx.conf, which includes conf.d, with one that needs no root and stays in the foreground."""
    (text,) = recipe("nginx")
    text = swap(_put_in(change(text), places), "listen 8080;", f"listen 127.0.0.1:{port};")
    (folder / "keydesk.conf").write_text(text)
    temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    kept = " ".join(f"{name}_temp_path {folder}/{name};" for name in temporary)
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr notice; events {{ }}\n"
        f"http {{ access_log {folder}/access.log; {kept} include {folder}/keydesk.conf; }}\n"
    )
    return "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")


def caddy(places: Places, port: int, folder: Path, change: Change = as_written) -> Sequence[str]:
    """Adds global options before the recipe, which has none."""
    (text,) = recipe("Caddy")
    text = swap(_put_in(change(text), places), "\n:8080 {\n", f"\n:{port} {{\n")
    options = "{\n\tadmin off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n}\n\n"
    (folder / "Caddyfile").write_text(options + text)
    return "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"


def traefik(places: Places, port: int, folder: Path, change: Change = as_written) -> Sequence[str]:
    """Both files of the recipe."""
    static, dynamic = recipe("Traefik")
    static = swap(static, '":8080"', f'"127.0.0.1:{port}"')
    static = swap(static, "/etc/traefik/keydesk.yml", str(folder / "keydesk.yml"))
    (folder / "traefik.yml").write_text(static)
    (folder / "keydesk.yml").write_text(_put_in(change(dynamic), places))
    return (f"--configFile={folder / 'traefik.yml'}",)


def envoy(places: Places, port: int, folder: Path, change: Change = as_written) -> Sequence[str]:
    """Runs Envoy so that several processes on a machine don't conflict."""
    (text,) = recipe("Envoy")
    text = swap(
        _put_in(change(text), places), "address: 0.0.0.0, port_value: 8080", f"address: 127.0.0.1, port_value: {port}"
    )
    (folder / "keydesk.yaml").write_text(text)
    return "-c", str(folder / "keydesk.yaml"), "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"


KINDS: dict[str, Callable[[Places, int, Path, Change], Sequence[str]]] = {
    "nginx": nginx,
    "caddy": caddy,
    "traefik": traefik,
    "envoy": envoy,
}
"""Each writes its recipe into the folder and returns the arguments of its program, which has the same name."""


class Gateway(Program):
    """A gateway's process with its routes ready, until it is closed."""

    def __init__(self, kind: str, places: Places, folder: Path, change: Change = as_written) -> None:
        """Skips the test if the program is not installed; in CI the test fails."""
        self.kind = kind
        super().__init__(
            kind,
            lambda port, folder: KINDS[kind](places, port, folder, change),
            folder,
            route="/crawler/",
            environment={"KEYDESK_GATEWAY_TOKEN": TOKEN},
        )
