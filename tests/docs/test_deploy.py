"""The commands of docs/guide/deploy.md run, in the order of the page, and what they set up works."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import yaml

from app.settings import KNOWN
from keys.token import PATTERN
from models.engine.database_address import database_url
from tests.conftest import POSTGRES_URL
from tests.support.documentation import ROOT, rows, sections
from tests.support.gateways.gateways import recipe, swap
from tests.support.gateways.programs import PATH, found
from tests.support.gateways.proxies import PAGE as PROXY_PAGE
from tests.support.gateways.proxies import caddy_of, nginx_of
from tests.support.servers.small_servers import free_port

PAGE = ROOT / "docs" / "guide" / "deploy.md"
DATABASE = "postgresql+asyncpg://keydesk@/keydesk?host=/var/run/postgresql"
IN_ORDER = ("The environment file", "The command line", "The first organization", "systemd", "Backup", "Upgrade")
"""The sections whose commands run one after the other. The two before them have tests of their own."""
GIVE_UP_SECONDS = 120.0


def blocks(section: str, kind: str = "sh") -> list[str]:
    """The fenced blocks of this kind in a section."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", sections("docs/guide/deploy.md")[section], re.MULTILINE | re.DOTALL)


class Machine:
    """A folder in place of a server's root, in which the page's commands run without changing this machine."""

    def __init__(self, folder: Path, database_address: str) -> None:
        self.folder = folder
        self.port = free_port()
        for name in ("etc/systemd/system", "usr/local/bin", "var/lib", "var/backups"):
            (folder / name).mkdir(parents=True)
        self._replaced = {
            DATABASE: database_address,
            "/opt/keydesk": str(ROOT),
            "/etc/": f"{folder}/etc/",
            "/usr/local/bin": f"{folder}/usr/local/bin",
            "/var/": f"{folder}/var/",
            "8000": str(self.port),
            "runuser -u keydesk -- ": "",
            # This machine has no such user and group, and these tests may not be root.
            "-g keydesk ": "",
            "-o keydesk ": "",
            "User=keydesk": f"User={os.getuid()}",
            # Without a systemd that runs, a unit is checked, enabled below a root, and started by the test.
            "systemctl daemon-reload": f"systemd-analyze verify {folder}/etc/systemd/system/keydesk.service",
            "systemctl enable --now": f"systemctl --root={folder} enable",
            "systemctl restart keydesk": "true",
            # Of the checkout that is tested.
            f"git -C {ROOT} pull": f"git -C {ROOT} pull --help >/dev/null",
            f"make -C {ROOT}": f"make --dry-run -C {ROOT}",
        }

    def filled(self, text: str) -> str:
        """The page's text for this machine."""
        for old, new in self._replaced.items():
            text = text.replace(old, new)
        return text

    def run(self, commands: str) -> str:
        """Runs commands as a shell does, up to the first that fails, and returns what they print."""
        done = subprocess.run(
            ["bash", "-e", "-u", "-c", self.filled(commands)],
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=GIVE_UP_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def environment(self) -> Mapping[str, str]:
        """An environment without settings: the page's commands have to give them."""
        return {"PATH": f"{self.folder}/usr/local/bin:{PATH}", "HOME": str(self.folder), "LANG": "C.UTF-8"}

    @property
    def unit(self) -> ConfigParser:
        """The unit that the page's commands have written."""
        parsed = ConfigParser(interpolation=None, delimiters=("=",))
        parsed.optionxform = str  # type: ignore[assignment, method-assign]
        parsed.read(self.folder / "etc/systemd/system/keydesk.service")
        return parsed

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[bytes]]:
        """Does what systemd does with the unit: reads the file, runs ExecStartPre, then ExecStart, and stops it."""
        service = self.unit["Service"]
        lines = Path(service["EnvironmentFile"]).read_text().splitlines()
        environment = {**self.environment(), **dict(line.split("=", 1) for line in lines if line)}
        folder = service["WorkingDirectory"]
        subprocess.run(shlex.split(service["ExecStartPre"]), cwd=folder, env=environment, check=True)
        server = subprocess.Popen(shlex.split(service["ExecStart"]), cwd=folder, env=environment)
        try:
            yield server
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(float(service["TimeoutStopSec"])) == 0


@pytest.fixture
def machine(tmp_path: Path, database_address: str) -> Machine:
    """A machine on which nothing of the page was done yet."""
    if shutil.which("systemd-analyze") is None and not os.environ.get("CI"):
        pytest.skip("This test needs systemd-analyze: apt-get install systemd")
    return Machine(tmp_path, database_address)


def without(commands: str, *words: str) -> str:
    """The commands without the lines that begin with one of these."""
    return "".join(line for line in commands.splitlines(keepends=True) if not line.startswith(words))


@pytest.mark.slow
def test_the_page_leads_to_a_server_that_serves(machine: Machine) -> None:
    """From the environment file to the upgrade; the server is asked what the page asks it."""
    printed = {}
    for section in IN_ORDER:
        (commands,) = blocks(section)
        printed[section] = machine.run(without(commands, "curl"))

    assert oct((machine.folder / "etc/keydesk/keydesk.env").stat().st_mode)[-3:] == "640"
    assert re.search(r"[Pp]assword", printed["The first organization"])
    assert (machine.folder / "etc/systemd/system/multi-user.target.wants/keydesk.service").is_symlink()
    assert any((machine.folder / "var/backups/keydesk").iterdir())
    (ready,) = [line for line in blocks("systemd")[0].splitlines() if line.startswith("curl")]
    with machine.serving():
        until_it_listens(machine.port)
        assert '"ready"' in machine.run(ready)
        key = machine.run("keydesk key create first --organization Acme --json")
        secret = re.search(PATTERN.replace("^", "").replace("$", ""), key)
        assert secret is not None
        settings = (machine.folder / "etc/keydesk/keydesk.env").read_text()
        token = re.search(r"^KEYDESK_GATEWAY_TOKEN=(\w+)$", settings, re.MULTILINE)
        assert token is not None
        headers = f"-H 'Authorization: Bearer {secret[0]}' -H 'X-Gateway-Token: {token[1]}'"
        assert '"keyId"' in machine.run(f"curl --fail {headers} http://127.0.0.1:8000/v1/verify")


def test_commands_get_the_values_that_the_server_gets(tmp_path: Path) -> None:
    """What a shell would read in another way, a comment, and a last line without an end."""
    machine = Machine(tmp_path, "sqlite+aiosqlite:///keydesk.db")
    machine.run(blocks("The environment file")[0])
    machine.run(blocks("The command line")[0].replace("/opt/keydesk/.venv/bin/keydesk", "env"))
    values = {"KEYDESK_OIDC_NAME": "Example $HOME  `id` ID", "KEYDESK_OIDC_CLIENT_SECRET": "pa$$=&;'*#"}
    file = tmp_path / "etc" / "keydesk" / "keydesk.env"
    written = file.read_text()
    file.write_text(f"{written}# KEYDESK_BRAND_NAME=No\n\n" + "\n".join(f"{name}={values[name]}" for name in values))

    got = dict(line.split("=", 1) for line in machine.run("keydesk").splitlines())

    expected = dict(line.split("=", 1) for line in written.splitlines()) | values
    assert {name: value for name, value in got.items() if name.startswith("KEYDESK_")} == expected


def until_it_listens(port: int) -> None:
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up_at:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
            return
        time.sleep(0.05)
    raise AssertionError("the server did not start")


def test_the_unit_stops_a_server_that_drains(machine: Machine) -> None:
    """The unit's patience is longer than Keydesk needs to stop, and it may write where the settings say."""
    machine.run(blocks("The environment file")[0])
    machine.run(without(blocks("systemd")[0], "systemctl", "curl"))

    service = machine.unit["Service"]
    assert float(service["TimeoutStopSec"]) > 8
    assert service["WorkingDirectory"] == f"{machine.folder}/var/lib/{service['StateDirectory']}"


@pytest.mark.skipif(os.getuid() != 0, reason="useradd --prefix needs root")
def test_the_user_and_the_checkout_are_made(tmp_path: Path) -> None:
    """The commands of *Install* below a folder. Packages are not installed again, and nothing is built."""
    (tmp_path / "etc").mkdir()
    for name in ("passwd", "group", "shadow", "gshadow"):
        (tmp_path / "etc" / name).touch()
    (commands,) = blocks("Install")
    commands = swap(commands, "useradd ", f"useradd --prefix {tmp_path} ")
    commands = swap(commands, "https://git.example/keydesk.git /opt/keydesk", f"--quiet {ROOT} {tmp_path}/keydesk")
    commands = swap(commands, "make -C /opt/keydesk", f"make --dry-run -C {tmp_path}/keydesk")
    packages, commands = commands.split("\n", 1)
    assert packages.startswith("apt-get install ")

    done = subprocess.run(["bash", "-e", "-c", commands], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert set(packages.split()[2:]) == {"make", "python3-venv", "git", "postgresql"}
    assert "keydesk:x:" in (tmp_path / "etc" / "passwd").read_text()
    assert "npm" in done.stdout
    assert (tmp_path / "keydesk" / "pyproject.toml").is_file()


@pytest.mark.postgres
@pytest.mark.skipif(POSTGRES_URL is None, reason="creates a database in PostgreSQL")
def test_the_database_is_made() -> None:
    """The commands of *Database*, on the tests' server, with names of their own."""
    url = database_url(POSTGRES_URL or "")
    name = f"keydesk_deploy_{os.getpid()}"
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    environment = {
        "PGHOST": url.host or "",
        "PGPORT": str(url.port),
        "PGUSER": url.username or "",
        "PGPASSWORD": url.password or "",
        "PATH": f"{programs}:{PATH}",
    }
    (commands,) = blocks("Database")
    commands = commands.replace("runuser -u postgres -- ", "").replace("keydesk", name)
    try:
        done = subprocess.run(
            ["bash", "-e", "-c", commands], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    finally:
        subprocess.run(["bash", "-c", f"dropdb {name}; dropuser {name}"], env=environment, check=True)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate and its key."""
    made = folder / "fullchain.pem", folder / "privkey.pem"
    subject = ("-subj", "/CN=keys.example.com", "-days", "1", "-nodes")
    new = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    subprocess.run([*new, *subject, "-out", made[0], "-keyout", made[1]], check=True, capture_output=True)
    return made


def test_nginx_takes_the_lines_for_tls(tmp_path: Path) -> None:
    """In place of the recipe's, as the page says."""
    chain, key = certificate(tmp_path)
    (lines,) = blocks("TLS and the proxy in front", "nginx")
    lines = swap(lines, "/etc/letsencrypt/live/keys.example.com/fullchain.pem", str(chain))
    lines = swap(lines, "/etc/letsencrypt/live/keys.example.com/privkey.pem", str(key))
    text = swap(recipe("nginx", PROXY_PAGE)[0], "listen 8080;", lines)

    done = subprocess.run(
        [found("nginx"), "-t", *nginx_of(text, tmp_path)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "test is successful" in done.stderr


def test_caddy_takes_the_host_name(tmp_path: Path) -> None:
    """In place of the recipe's port, as the page says."""
    text = swap(recipe("Caddy", PROXY_PAGE)[0], ":8080 {\n", "keys.example.com {\n")
    caddy_of(text, tmp_path)

    done = subprocess.run(
        [found("caddy"), "validate", "--config", str(tmp_path / "Caddyfile"), "--adapter", "caddyfile"],
        env={"HOME": str(tmp_path), "PATH": PATH},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_the_numbers_of_the_sizing_are_those_of_the_benchmarks() -> None:
    """A new measurement changes both pages."""
    measured = {row[0]: row for row in rows(sections("docs/benchmarks.md")["Verification"])}
    names = {
        "SQLite": "Keydesk on SQLite",
        "PostgreSQL": "Keydesk on PostgreSQL, limits of the process",
        "PostgreSQL and Redis": "Keydesk on PostgreSQL and Redis",
    }

    table = rows(sections("docs/guide/deploy.md")["Sizing"])

    expected = [[name, measured[row][1], f"{measured[row][5]} ms"] for name, row in names.items()]
    assert table == expected
    assert measured["bare ASGI answer"][1] in sections("docs/guide/deploy.md")["Sizing"]


def test_the_deployment_fits_the_image_and_the_program() -> None:
    """User, port, folders, probes, command and settings of the manifest exist."""
    (text,) = blocks("Kubernetes", "yaml")
    spec = yaml.safe_load(text)["spec"]["template"]["spec"]
    (container,), (migrate,) = spec["containers"], spec["initContainers"]
    image = (ROOT / "Dockerfile").read_text()

    assert f"USER {spec['securityContext']['runAsUser']}:{spec['securityContext']['fsGroup']}" in image
    assert f"EXPOSE {container['ports'][0]['containerPort']}" in image
    assert "VOLUME /data" in image
    assert {"/data", "/tmp"} == {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {each["name"] for each in container["env"]} <= {each.name for each in KNOWN}
    assert (container["livenessProbe"]["httpGet"]["path"], container["readinessProbe"]["httpGet"]["path"]) == (
        "/healthz",
        "/readyz",
    )
    assert int(container["env"][0]["value"]) + 8 < spec["terminationGracePeriodSeconds"]
    program = [sys.executable, "-c", "from app.cli import main; main()", *migrate["command"][1:], "--help"]
    assert subprocess.run(program, cwd=ROOT, capture_output=True, check=False).returncode == 0


def test_the_settings_of_the_page_are_settings() -> None:
    """Each name that the page mentions."""
    names = set(re.findall(r"KEYDESK_[A-Z_]+", PAGE.read_text(encoding="utf-8")))

    assert len(names) > 6
    assert names <= {each.name for each in KNOWN}


def test_every_command_of_the_page_is_run() -> None:
    """Each section with commands is in one of the tests above."""
    with_commands = [name for name in sections("docs/guide/deploy.md") if blocks(name)]

    assert with_commands == ["Install", "Database", *IN_ORDER]
