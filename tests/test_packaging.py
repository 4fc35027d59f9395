"""Installed packages and the lock files: hashes and no addresses, and no conflict with our folders' names."""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from app.settings import DEFAULT_DATABASE_URL, KNOWN
from models.engine.database_address import database_url

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
FOLDERS = ("app", "schema", "resolvers", "assistant", "keys", "models", "tests", "benchmarks", "docs", "console")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("requirements.lock", "requirements-serve.lock")
NOT_OURS = {".git", ".venv", ".make", "node_modules", "__pycache__"}
REGISTRY_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("npm", "pkg", "github", "com"),
        ("pkgs", "dev", "azure", "com"),
        ("jfrog", "io"),
    )
]
"""Assembled here, so that this file does not contain the names that it looks for."""


def locked(name: str) -> dict[str, tuple[Version, Marker | None, list[str]]]:
    """The version, the environment marker and the hashes of each distribution in a lock."""
    text = re.sub(r"\\\n\s+", " ", (ROOT / name).read_text())
    found: dict[str, tuple[Version, Marker | None, list[str]]] = {}
    for line in text.splitlines():
        requirement, *hashes = re.split(r"\s+--hash=", line.rstrip())
        parsed = Requirement(requirement.strip())
        (specifier,) = parsed.specifier
        assert specifier.operator == "=="
        found[canonicalize_name(parsed.name)] = (Version(specifier.version), parsed.marker, hashes)
    return found


def test_the_installers_that_python_brought_are_replaced() -> None:
    """Python 3.11 puts a pip and a setuptools with known vulnerabilities into each venv; `make setup` replaces both."""
    wanted, _, _ = locked("requirements.lock")["pip"]

    assert Version(version("pip")) == wanted
    with pytest.raises(PackageNotFoundError):
        version("setuptools")


def test_nobody_else_claims_a_folder_of_ours() -> None:
    """No installed distribution has a top-level name like one of our folders: it would be imported instead."""
    claimed = {name: owners for name, owners in packages_distributions().items() if name in FOLDERS}

    assert claimed == {}


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_distribution_has_its_hashes(name: str) -> None:
    """Installed packages are exactly the locked ones."""
    entries = locked(name)

    assert len(entries) > 20
    for number, _, hashes in entries.values():
        assert number
        assert hashes
        assert [each for each in hashes if not re.fullmatch(r"sha256:[0-9a-f]{64}", each)] == []


@pytest.mark.parametrize("name", LOCKS)
def test_locks_say_what_and_not_from_where(name: str) -> None:
    """A lock has no address and no option: the installer's own settings say where to download."""
    lines = (ROOT / name).read_text().splitlines()

    assert [line for line in lines if "//" in line or "@" in line or line.startswith(("-", "#"))] == []


@pytest.mark.parametrize(
    ("name", "groups"), [("requirements.lock", ("build", "dev")), ("requirements-serve.lock", ("build",))]
)
def test_what_the_project_asks_for_is_locked(name: str, groups: tuple[str, ...]) -> None:
    """Each dependency of pyproject.toml is in the lock, in a version that it allows."""
    entries = locked(name)
    asked = [
        *PROJECT["project"]["dependencies"],
        *(each for group in groups for each in PROJECT["dependency-groups"][group]),
    ]

    missing = []
    for requirement in map(Requirement, asked):
        locked_at = entries.get(canonicalize_name(requirement.name), (None,))[0]
        if locked_at is None or not requirement.specifier.contains(locked_at):
            missing.append(str(requirement))
    assert missing == []


def test_the_served_lock_is_a_part_of_the_tested_one() -> None:
    """The image runs the packages that the tests ran with."""
    tested, served = locked("requirements.lock"), locked("requirements-serve.lock")

    assert {name: served[name] for name in served} == {name: tested.get(name) for name in served}
    assert served.keys() < tested.keys()


def files_of_ours() -> Iterator[Path]:
    """Files of the checkout that were neither installed nor made by a tool."""
    ignored = [line.strip("/*") for line in (ROOT / ".gitignore").read_text().splitlines()]
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        if path.is_file() and NOT_OURS.isdisjoint(parts) and not any(part in ignored for part in parts):
            yield path


def test_no_file_names_the_host_of_a_package_registry() -> None:
    """The address of a registry is the machine's setting, and in no file."""
    naming = [
        str(path.relative_to(ROOT))
        for path in files_of_ours()
        for text in [path.read_text(encoding="utf-8", errors="ignore")]
        if any(host in text for host in REGISTRY_HOSTS)
    ]

    assert naming == []


def test_the_image_runs_as_a_number_and_writes_where_it_may() -> None:
    """Kubernetes refuses a user name if root is not allowed; the default database is in the volume."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    folders = [line.removeprefix("WORKDIR ") for line in lines if line.startswith("WORKDIR ")]
    default = Path(str(database_url(DEFAULT_DATABASE_URL).database))

    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
    assert not default.is_absolute()
    assert [f"VOLUME {folders[-1]}"] == [line for line in lines if line.startswith("VOLUME ")]
    copied = {line.split()[1] for line in lines if line.startswith("COPY ")}
    assert {"app", "schema", "resolvers", "assistant", "keys", "models", "docs"} <= copied


def test_compose_hands_every_setting_on_and_bounds_the_logs() -> None:
    """Values that are not fixed there come from .env, and each fixed value is a setting."""
    compose: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    services = compose["services"]

    for name in ("keydesk", "migrate"):
        assert services[name]["env_file"] == [{"path": ".env", "required": False}]
        assert set(services[name]["environment"]) <= {each.name for each in KNOWN}
        assert services[name]["pull_policy"] == "build"
    assert all(service["logging"]["options"]["max-size"] for service in services.values())
    assert all("127.0.0.1:" in port for service in services.values() for port in service.get("ports", ()))
