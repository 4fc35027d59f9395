"""Observers of requests: their libraries are only imported when needed."""

import json
import subprocess
import sys

import pytest

from app.observability.observers import Observers
from models.key_lookup import KeyState
from tests.support.servers.servers import ROOT, SECRET_KEY

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
PROGRAM = """
import asyncio, json, os, sys
import app.cli
from app.application import create_app
from app.settings import read_settings
from tests.support.client import running

async def main():
    for variables in json.loads(sys.argv[1]):
        settings = read_settings({**os.environ, **variables})
        os.environ.update({name: value for name, value in variables.items() if name.startswith("OTEL")})
        async with running(create_app(settings)):
            print(*sorted({"prometheus_client", "opentelemetry.exporter", "requests"} & set(sys.modules)))

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_library_is_imported_where_it_is_wanted(database_address: str) -> None:
    """Without metrics and traces, neither library is imported; metrics import only their own."""
    environment = {
        "KEYDESK_DATABASE_URL": database_address,
        "KEYDESK_SECRET_KEY": SECRET_KEY,
        "KEYDESK_PUBLIC_URL": "http://127.0.0.1:8000",
    }
    in_turn: list[dict[str, str]] = [
        {},
        {"KEYDESK_METRICS_TOKEN": "a token", **ENDPOINT, "OTEL_SDK_DISABLED": "true"},
        {"KEYDESK_METRICS": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {**ENDPOINT, "OTEL_SDK_DISABLED": "false"},
    ]

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(in_turn)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    imported = [line.split() for line in done.stdout.split("\n")[: len(in_turn)]]
    assert done.returncode == 0, done.stderr
    assert imported == [
        [],
        [],
        ["prometheus_client"],
        ["opentelemetry.exporter", "prometheus_client", "requests"],
    ]


class Remembering:
    """An observer that records its calls."""

    def __init__(self) -> None:
        self.told: list[tuple[str, KeyState | None, str, str | None, float]] = []

    def answered(self, code: str, key: KeyState | None, request_id: str, address: str | None, seconds: float) -> None:
        self.told.append((code, key, request_id, address, seconds))


def test_all_observers_are_told_the_same() -> None:
    """Every observer is called, in the given order."""
    first, second = Remembering(), Remembering()

    Observers([first, second]).answered("good", None, "req_1", "203.0.113.7", 0.5)

    assert first.told == second.told == [("good", None, "req_1", "203.0.113.7", 0.5)]
