"""Runs oidc-provider, a certified identity provider, for tests in a browser. It needs Node and its packages."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "openid_provider"
CLIENT_ID, CLIENT_SECRET = "keydesk", "a secret of the client"
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class CertifiedProvider:
    """The provider's process. It answers requests once it knows Keydesk's address."""

    issuer: str
    process: subprocess.Popen[str]

    @property
    def environment(self) -> dict[str, str]:
        """Keydesk's settings for this provider."""
        return {
            "KEYDESK_OIDC_ISSUER": self.issuer,
            "KEYDESK_OIDC_CLIENT_ID": CLIENT_ID,
            "KEYDESK_OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "KEYDESK_OIDC_NAME": "Example ID",
        }

    def begin(self, address: str, people: Mapping[str, Any]) -> None:
        """Registers Keydesk at this address. `people` has the claims of each person, by subject."""
        assert self.process.stdin is not None
        said = {"address": address, "clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET, "people": people}
        self.process.stdin.write(json.dumps(said) + "\n")
        self.process.stdin.flush()


@contextmanager
def certified_provider(folder: Path) -> Iterator[CertifiedProvider]:
    """The provider, on a free port. Its log is in the folder. Without Node or its packages, skips; in CI, fails."""
    node = shutil.which("node")
    if node is None or not (FOLDER / "node_modules" / "oidc-provider").is_dir():
        missing = "The provider needs Node, and `npm ci` in tests/openid_provider."
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with (folder / "provider.log").open("w") as log:
        process = subprocess.Popen(
            [node, "provider.mjs"], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        issuer = process.stdout.readline().strip()
        assert issuer, (folder / "provider.log").read_text()
        yield CertifiedProvider(issuer, process)
    finally:
        process.kill()
        process.wait(PATIENCE_SECONDS)
        process.stdin.close()
        process.stdout.close()
