"""Serves the demo for browser tests, by the real command, on a database of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from tests.support.browser.browser import ROOT, Tab

COMMAND = ("-c", "from app.cli import main; main()")
SUPPORT_EMAIL = "help@northwind.example"
GIVE_UP_SECONDS = 60.0
ROLES = ("organization-admin", "agent-admin", "member")
OpenTab = Callable[..., Tab]
"""The fixture open_tab."""
SIGN_IN = "mutation ($input: SignInInput!) { signIn(input: $input) { __typename } }"
KEYS = "query ($id: ID!) { organization(id: $id) { apiKeys { id name hint scope agent { id } } } }"
CREATE = "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { __typename } }"
DELETE = "mutation ($input: DeleteApiKeyInput!) { deleteApiKey(input: $input) { __typename } }"


@dataclass(frozen=True, eq=False)
class DemoServer:
    """The demo, served on loopback."""

    folder: Path
    """The folder of its database."""
    told: dict[str, Any]
    """Its output: the address, the people who can sign in, and a working key."""

    @property
    def address(self) -> str:
        """Such as http://127.0.0.1:40123."""
        return str(self.told["address"])

    @property
    def home(self) -> str:
        """The path of the organization's pages."""
        return f"/organizations/{self.told['organization']['id']}"

    def person(self, role: str) -> dict[str, str]:
        """A person of this role: e-mail address, password, name."""
        return next(each for each in self.told["signIns"] if each["role"] == role)

    def keydesk(self, *arguments: str, typed: str | None = None) -> Any:
        """The output of a `keydesk` command on the demo's database, which reads `typed` from standard input."""
        command = [sys.executable, *COMMAND, *arguments, "--json"]
        run = subprocess.run(
            command,
            cwd=self.folder,
            env=_environment(),
            input=typed,
            capture_output=True,
            text=True,
            timeout=GIVE_UP_SECONDS,
        )
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    @cached_property
    def _admin(self) -> httpx.Client:
        client = httpx.Client(base_url=self.address, timeout=GIVE_UP_SECONDS)
        person = self.person("organization-admin")
        answer = client.post("/graphql", json={"query": SIGN_IN, "variables": {"input": _only_credentials(person)}})
        assert answer.json() == {"data": {"signIn": {"__typename": "Viewer"}}}
        return client

    def graphql(self, document: str, **variables: Any) -> dict[str, Any]:
        """Runs a GraphQL document as an organization admin, in a session that no browser shares."""
        answer = self._admin.post("/graphql", json={"query": document, "variables": variables}).json()
        assert "errors" not in answer, answer
        return dict(answer["data"])

    def api_keys(self) -> list[dict[str, Any]]:
        """The organization's live keys: id, name, hint, scope and agent."""
        organization = self.graphql(KEYS, id=self.told["organization"]["id"])["organization"]
        return list(organization["apiKeys"])

    def close(self) -> None:
        """Closes the admin's connections, if there are any."""
        if "_admin" in self.__dict__:
            self._admin.close()

    def verified(self, secret: str, agent_id: str | None = None) -> str:
        """The outcome of a verification, in a word: `good`, or the code of the refusal."""
        headers = {"authorization": f"Bearer {secret}", **({} if agent_id is None else {"x-agent-id": agent_id})}
        answer = httpx.get(f"{self.address}/v1/verify", headers=headers)
        return "good" if answer.status_code == 200 else str(answer.json()["code"])


def put_keys_back(server: DemoServer, wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Deletes keys that have changed and creates missing ones; returns the current keys."""
    now = server.api_keys()
    for each in now:
        if each not in wanted:
            answer = server.graphql(DELETE, input={"id": each["id"]})
            assert answer["deleteApiKey"]["__typename"] == "ApiKeyDeleted", answer
    for each in wanted:
        if each not in now:
            key = {"name": each["name"], "scope": each["scope"], "agentId": each["agent"] and each["agent"]["id"]}
            answer = server.graphql(CREATE, input={"organizationId": server.told["organization"]["id"], **key})
            assert answer["createApiKey"]["__typename"] == "ApiKeyIssued", answer
    return now if now == wanted else server.api_keys()


def _only_credentials(person: dict[str, str]) -> dict[str, str]:
    return {name: person[name] for name in ("email", "password")}


def _environment() -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KEYDESK_")}
    return {**inherited, "PYTHONPATH": str(ROOT), "KEYDESK_SUPPORT_EMAIL": SUPPORT_EMAIL}


@contextmanager
def served(folder: Path, **settings: str) -> Iterator[DemoServer]:
    """
    Serves the demo on the database in that folder, and creates the database if it is missing.

    `settings` are environment variables, such as KEYDESK_SMTP_URL.
    """
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, *COMMAND, "demo", "--port", "0", "--json"],
            cwd=folder,
            env={**_environment(), **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, (folder / "log").read_text()
        server = DemoServer(folder, json.loads(line))
        # The port accepts connections before the server answers them.
        httpx.get(f"{server.address}/readyz", timeout=GIVE_UP_SECONDS).raise_for_status()
        yield server
        server.close()
    finally:
        process.terminate()
        try:
            process.wait(GIVE_UP_SECONDS)
        finally:
            process.kill()
            process.stdout.close()
