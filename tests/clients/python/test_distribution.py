"""What the client's distribution contains, and what it needs."""

import ast
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.support.documentation import ROOT

FOLDER = ROOT / "clients" / "python"
SOURCES = sorted((FOLDER / "src" / "keydesk_client").glob("*.py"))
PROJECT = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]
FRAMEWORKS = {"fastapi.py": {"fastapi"}, "litestar.py": {"litestar"}}
NEEDED = {"httpx2", "anyio"}


def imported(path: Path) -> set[str]:
    """The top-level packages that a module imports, without its own and Python's."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found - sys.stdlib_module_names - {"keydesk_client"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_a_module_needs_only_what_is_declared(path: Path) -> None:
    """Nothing of the server; a framework in its own module only."""
    assert imported(path) <= NEEDED | FRAMEWORKS.get(path.name, set())


def test_the_declared_dependencies_are_needed() -> None:
    """And no other is declared."""
    used = set().union(*(imported(path) for path in SOURCES))

    declared = {requirement.partition(">")[0] for requirement in PROJECT["dependencies"]}
    assert declared == NEEDED
    assert used == NEEDED | set(PROJECT["optional-dependencies"])


def test_the_client_works_without_a_framework() -> None:
    """It is imported in an interpreter in which no framework can be."""
    program = (
        "import sys; sys.modules['fastapi'] = sys.modules['litestar'] = sys.modules['starlette'] = None;"
        "import keydesk_client, keydesk_client.asgi, keydesk_client.testing; print(len(keydesk_client.__all__))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_the_client_has_the_version_of_the_server() -> None:
    """They are tested together."""
    assert PROJECT["version"] == version("keydesk") == version("keydesk-client")


@pytest.mark.slow
def test_the_wheel_has_the_modules_and_their_types(tmp_path: Path) -> None:
    """And the license."""
    build = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path))
    subprocess.run([sys.executable, *build, str(FOLDER)], check=True, capture_output=True)

    (wheel,) = tmp_path.glob("keydesk_client-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"keydesk_client/{path.name}" for path in SOURCES} | {"keydesk_client/py.typed"} <= names
    assert any(name.endswith("/LICENSE") for name in names)
    assert (FOLDER / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
