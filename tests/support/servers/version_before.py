"""The version of Keydesk before this one, from the repository's history, run with this checkout's packages."""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers.servers import ROOT

COMMIT = "bf5dc684e5682bca01fd554594e9ea64d5cdd952"
"""Version 0.2.0. After a release, name its commit here: then the tests upgrade from that version."""
REVISION = "0004"
"""The schema of that version."""
GIVE_UP_SECONDS = 120


def version_before(folder: Path) -> Path:
    """
    Unpacks the version before into the folder, and returns its checkout.

    Skips the test if the history does not have the commit, as in a shallow clone; in CI the test fails.
    """
    archived = subprocess.run(["git", "-C", str(ROOT), "archive", COMMIT], capture_output=True, check=False)
    if archived.returncode != 0:
        missing = f"This test needs the commit {COMMIT}: git fetch --unshallow"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with tarfile.open(fileobj=BytesIO(archived.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def run(checkout: Path, environment: Mapping[str, str], *arguments: str, typed: str = "") -> Any:
    """Runs that checkout's command `keydesk` with --json, which must succeed. Returns its result."""
    done = subprocess.run(
        [sys.executable, "-c", "from app.cli import main; main()", *arguments, "--json"],
        cwd=checkout,
        env=dict(environment),
        input=typed,
        capture_output=True,
        text=True,
        timeout=GIVE_UP_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
