"""
Sends verifications to a server and measures the answers.

It uses wrk if that is installed, otherwise a client on asyncio. That client needs more of its core than wrk, so it
reaches fewer requests a second.
"""

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import quantiles

HAS_WRK = shutil.which("wrk") is not None
_SCRIPT = """
local requests, number, pause = {}, 0, nil
function init(arguments)
    for key in io.lines(arguments[1]) do
        requests[#requests + 1] = wrk.format("GET", "/v1/verify", {["Authorization"] = "Bearer " .. key})
    end
    pause = tonumber(arguments[2])
end
function request()
    number = number % #requests + 1
    return requests[number]
end
PAUSE
function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"seconds": %f, "requests": %d, "p50_ms": %f, "p99_ms": %f, "failed": %d}\\n',
        summary.duration / 1e6, summary.requests, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        errors.status + errors.connect + errors.read + errors.write + errors.timeout
    ))
end
"""
_PAUSE = "function delay() return pause end"


@dataclass(frozen=True, slots=True)
class Measured:
    """The results of a load: requests a second, percentiles of the duration, and the number of failed requests."""

    per_second: float
    p50_ms: float
    p99_ms: float
    failed: int


@dataclass(frozen=True, slots=True)
class Load:
    """A load of `connections` callers, each with one request at a time and a pause of `pause_ms` after each."""

    port: int
    keys: Sequence[str]
    connections: int = 32
    seconds: float = 5
    pause_ms: int = 0

    async def run(self, folder: Path) -> Measured:
        """Sends the load to the port on loopback. wrk's script and keys are written into the folder."""
        return await (self._wrk(folder) if HAS_WRK else self._asyncio())

    async def _wrk(self, folder: Path) -> Measured:
        script, keys = folder / "load.lua", folder / "keys"
        script.write_text(_SCRIPT.replace("PAUSE", _PAUSE if self.pause_ms else ""))
        keys.write_text("\n".join(self.keys))
        process = await asyncio.create_subprocess_exec(
            *("wrk", "-t1", f"-c{self.connections}", f"-d{round(self.seconds)}s", "--timeout", "10s", "-s", script),
            *(f"http://127.0.0.1:{self.port}", "--", str(keys), str(self.pause_ms)),
            stdout=subprocess.PIPE,
        )
        said, _ = await process.communicate()
        seen = json.loads(next(line for line in said.decode().splitlines() if line.startswith("{")))
        return Measured(seen["requests"] / seen["seconds"], seen["p50_ms"], seen["p99_ms"], seen["failed"])

    async def _asyncio(self) -> Measured:
        requests = cycle([_request(key) for key in self.keys])
        end = time.perf_counter() + self.seconds
        callers = [Caller(self.port) for _ in range(self.connections)]
        begun = time.perf_counter()
        seen = await asyncio.gather(*(self._call(caller, requests, end) for caller in callers))
        took = time.perf_counter() - begun
        waits = [wait for each in seen for wait, _ in each]
        failed = sum(status != 200 for each in seen for _, status in each)
        hundredths = quantiles(waits, n=100)
        return Measured(len(waits) / took, hundredths[49] * 1e3, hundredths[98] * 1e3, failed)

    async def _call(self, caller: "Caller", requests: Iterator[bytes], end: float) -> list[tuple[float, int]]:
        seen = []
        while time.perf_counter() < end:
            seen.append(await caller.ask(next(requests)))
            if self.pause_ms:
                await asyncio.sleep(self.pause_ms / 1e3)
        await caller.close()
        return seen


class Caller:
    """A caller with a connection that is kept alive."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def verify(self, key: str) -> tuple[float, int]:
        """Verifies a key. Returns the seconds until the answer, and its status."""
        return await self.ask(_request(key))

    async def ask(self, request: bytes) -> tuple[float, int]:
        """Sends the bytes of a request. Returns the seconds until the answer, and its status."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        begun = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        return time.perf_counter() - begun, int(head.split(b" ", 2)[1])

    async def close(self) -> None:
        """Closes the connection."""
        if self._streams is not None:
            self._streams[1].close()
            await self._streams[1].wait_closed()


async def ask_each(port: int, keys: Sequence[str], *, callers: int) -> list[tuple[float, int]]:
    """Verifies every key once, with `callers` at the same time. Returns the seconds and the status of each."""
    left = iter(keys)
    seen: list[tuple[float, int]] = []

    async def work() -> None:
        caller = Caller(port)
        for key in left:
            seen.append(await caller.verify(key))
        await caller.close()

    await asyncio.gather(*(work() for _ in range(callers)))
    return seen


def _request(key: str) -> bytes:
    return f"GET /v1/verify HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
