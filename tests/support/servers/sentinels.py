"""Real sentinels on loopback, which watch a Redis, and the Redis servers that they choose from."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import redis

from tests.support.servers.ports import stable_port
from tests.support.servers.redis_server import GIVE_UP_SECONDS, RedisServer, running_redis

SERVICE = "limits"
DOWN_AFTER_MS = 500


class Sentinel:
    """A sentinel, which a test can also make name another primary."""

    def __init__(self, folder: Path, *, password: str | None = None) -> None:
        self.port = stable_port()
        self._password = password
        config = folder / f"sentinel-{self.port}.conf"
        lines = [f"port {self.port}", "bind 127.0.0.1", f"dir {folder}"]
        if password is not None:
            lines.append(f"requirepass {password}")
        config.write_text("\n".join(lines) + "\n")
        self._process = subprocess.Popen(
            ["redis-server", str(config), "--sentinel"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        self._until_ready()

    @contextmanager
    def client(self) -> Iterator[redis.Redis]:
        with redis.Redis(
            port=self.port, password=self._password, socket_timeout=GIVE_UP_SECONDS, decode_responses=True
        ) as client:
            yield client

    def watch(self, server: RedisServer, *, quorum: int = 1) -> None:
        """Names this server as the primary from now on."""
        with self.client() as client:
            if client.execute_command("SENTINEL", "MASTERS"):
                client.execute_command("SENTINEL", "REMOVE", SERVICE)
            client.execute_command("SENTINEL", "MONITOR", SERVICE, "127.0.0.1", server.port, quorum)
            for name, value in (("down-after-milliseconds", DOWN_AFTER_MS), ("failover-timeout", 3000)):
                client.execute_command("SENTINEL", "SET", SERVICE, name, value)

    def named(self) -> int:
        """The port of the primary that it names."""
        with self.client() as client:
            return int(client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1])

    def state(self) -> dict[str, str]:
        """What it knows about the primary."""
        with self.client() as client:
            return dict(client.sentinel_master(SERVICE))  # type: ignore[arg-type]

    def close(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.wait()

    def _until_ready(self) -> None:
        give_up_at = time.monotonic() + GIVE_UP_SECONDS
        while True:
            try:
                with self.client() as client:
                    client.ping()
            except redis.ConnectionError:
                if time.monotonic() > give_up_at or self._process.poll() is not None:
                    raise
                time.sleep(0.02)
            else:
                return


def url_of(sentinels: Sequence[Sentinel], options: str = "") -> str:
    """The value of KEYDESK_REDIS_URL for these sentinels."""
    hosts = ",".join(f"127.0.0.1:{each.port}" for each in sentinels)
    return f"redis+sentinel://{hosts}/{SERVICE}/0{options}"


@contextmanager
def running_sentinels(folder: Path, number: int, *, password: str | None = None) -> Iterator[list[Sentinel]]:
    """Sentinels that watch nothing yet."""
    started: list[Sentinel] = []
    try:
        for _ in range(number):
            started.append(Sentinel(folder, password=password))
        yield started
    finally:
        for each in started:
            each.close()


@contextmanager
def two_redis(folder: Path) -> Iterator[list[RedisServer]]:
    """Two servers, each of them a primary."""
    for name in ("a", "b"):
        (folder / name).mkdir()
    with running_redis(folder / "a") as first, running_redis(folder / "b") as second:
        yield [first, second]
