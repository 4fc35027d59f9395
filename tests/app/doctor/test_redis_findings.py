"""`keydesk doctor`: findings about Redis, with real Redis servers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.doctor.redis_findings import redis_itself
from app.observability.redis_check import GRANT
from keys.limits.redis_connection import PREFIX
from tests.support.command_line import Keydesk, finding
from tests.support.keys.redis_limiters import this_month
from tests.support.servers.redis_server import RedisServer, running_redis

PASSWORD = "hunter2hunter2"


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis server for the test."""
    with running_redis(tmp_path) as server:
        yield server


def of_redis(keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, url: str) -> tuple[bool, str]:
    monkeypatch.setenv("KEYDESK_REDIS_URL", url)
    run = keydesk("doctor", "--json")
    assert "hunter2" not in run.out + run.err
    assert run.status == (0 if finding(run, "redis")[0] else 1)
    return finding(run, "redis")


def test_without_redis_it_says_who_counts(keydesk: Keydesk) -> None:
    """Without Redis, doctor says that limits work for one process."""
    is_ok, detail = finding(keydesk("doctor", "--json"), "redis")

    assert is_ok
    assert "one process" in detail


def test_a_sound_redis_is_named(keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, redis_server: RedisServer) -> None:
    """The finding has the server's version, and no warning."""
    with redis_server.client() as client:
        told: dict[str, Any] = client.info("server")

    is_ok, detail = of_redis(keydesk, monkeypatch, redis_server.url)

    assert is_ok
    assert detail.endswith(f"{told.get('valkey_version', told['redis_version'])} answers")


def test_a_redis_that_is_gone_is_not_in_order(
    keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, redis_server: RedisServer
) -> None:
    """The finding names the setting to check."""
    redis_server.kill()

    is_ok, detail = of_redis(keydesk, monkeypatch, redis_server.url)

    assert not is_ok
    assert "check KEYDESK_REDIS_URL" in detail


def test_a_redis_that_does_not_answer_is_not_waited_for(
    keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, redis_server: RedisServer
) -> None:
    """A server that accepts connections and never answers is given up after 2 seconds."""
    redis_server.freeze()

    is_ok, detail = of_redis(keydesk, monkeypatch, redis_server.url)

    assert not is_ok
    assert "within 2 s" in detail


@pytest.mark.parametrize(
    ("credentials", "is_let_in"), [(f":{PASSWORD}@", True), (f":{PASSWORD}2@", False), ("", False)]
)
def test_a_password_is_tried_and_never_told(
    keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, credentials: str, is_let_in: bool
) -> None:
    """The right password is accepted; a wrong one, or none, is reported without showing it."""
    with running_redis(tmp_path, "--requirepass", PASSWORD) as server:
        url = server.url.replace("redis://", f"redis://{credentials}")

        is_ok, detail = of_redis(keydesk, monkeypatch, url)

    assert is_ok is is_let_in
    assert ("refuses the user or password" in detail) is not is_let_in


@pytest.mark.parametrize(
    ("options", "is_in_order", "words"),
    [
        (("--cluster-enabled", "yes"), False, "one primary"),
        (("--replicaof", "127.0.0.1", "9"), False, "its primary"),
        (("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"), True, "warning: when its memory is full"),
        (("--maxmemory", "64mb", "--maxmemory-policy", "noeviction"), True, "answers"),
        (("--maxmemory", "0", "--maxmemory-policy", "allkeys-lru"), True, "answers"),
    ],
)
def test_a_redis_that_would_lose_counts_is_told(
    keydesk: Keydesk,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    options: tuple[str, ...],
    is_in_order: bool,
    words: str,
) -> None:
    """A cluster and a replica can't be used. Redis that evicts keys when its memory is full gets a warning."""
    with running_redis(tmp_path, *options) as server:
        is_ok, detail = of_redis(keydesk, monkeypatch, server.url)

    assert is_ok is is_in_order
    assert words in detail
    assert ("warning" in detail) is ("warning" in words)


@pytest.mark.parametrize(
    "rules",
    [
        "",
        "~* +@all -@scripting",
        "~* +@all -eval",
        "~* +@all -set",
        "~* +@all -expireat",
        "+@all",
        "~other:* +@all",
        "~* +info",
    ],
)
def test_a_user_who_may_not_count_is_a_fault_that_is_mended_as_it_says(
    keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, redis_server: RedisServer, rules: str
) -> None:
    """The finding names the ACL rule that grants the missing right. After setting it, the check passes."""
    address = redis_server.url.replace("//", f"//counter:{PASSWORD}@")
    with redis_server.client() as client:
        client.execute_command("ACL", "SETUSER", "counter", "on", f">{PASSWORD}", *rules.split())

        before, said = of_redis(keydesk, monkeypatch, address)
        for _ in range(2):  # once for commands, once for keys
            _, found, remedy = said.partition("ACL SETUSER NAME ")
            if found:
                client.execute_command("ACL", "SETUSER", "counter", *remedy.split())
                after, said = of_redis(keydesk, monkeypatch, address)

    assert (before, after) == (False, True)


def test_a_user_who_may_only_count_is_no_fault(
    keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, redis_server: RedisServer
) -> None:
    """Such a user needs no right to run INFO."""
    with redis_server.client() as client:
        rules = ("on", f">{PASSWORD}", f"~{PREFIX}*", *GRANT.split())
        client.execute_command("ACL", "SETUSER", "counter", *rules)

    is_ok, detail = of_redis(keydesk, monkeypatch, redis_server.url.replace("//", f"//counter:{PASSWORD}@"))

    assert is_ok
    assert "is not allowed to run INFO" in detail


@pytest.mark.parametrize(
    ("commands", "words"),
    [
        (("CONFIG SET maxmemory 1",), "raise maxmemory"),
        (("CONFIG SET min-replicas-to-write 1",), "min-replicas-to-write"),
        (("DEL keydesk:limits:{month}", "RPUSH keydesk:limits:{month} somebody's"), "begin with keydesk:limits"),
    ],
)
def test_a_redis_that_refuses_to_count_is_a_fault(
    keydesk: Keydesk,
    monkeypatch: pytest.MonkeyPatch,
    redis_server: RedisServer,
    commands: tuple[str, ...],
    words: str,
) -> None:
    """The finding says how to fix it."""
    with redis_server.client() as client:
        for command in commands:
            client.execute_command(*command.format(month=this_month(redis_server).start).split())

    is_ok, detail = of_redis(keydesk, monkeypatch, redis_server.url)

    assert not is_ok
    assert words in detail


@pytest.mark.parametrize(
    ("told", "is_in_order", "words"),
    [
        ({"redis_version": "6.2.14"}, False, "Redis 6.2.14 is too old"),
        ({"redis_version": "7.0.0"}, True, "Redis 7.0.0 answers"),
        ({"redis_version": "8.2.1"}, True, "Redis 8.2.1 answers"),
        ({"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "8.1.1"}, True, "Valkey 8.1.1 answers"),
    ],
)
def test_old_versions_are_refused(told: dict[str, str], is_in_order: bool, words: str) -> None:
    """Redis 7 or newer is accepted, and every Valkey, which reports a compatible Redis version."""
    found = redis_itself({"redis_mode": "standalone", "role": "master", **told})

    assert (found.is_ok, words in found.detail) == (is_in_order, True)
