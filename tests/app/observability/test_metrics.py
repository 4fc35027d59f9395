"""/metrics: who can read it, its formats, what it counts, and that any worker answers for all."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from app.application import COLD_KEYS_QUEUE, Keydesk
from app.metering import Metering
from app.observability.metrics import BUCKETS_SECONDS, CODES, Metrics
from app.settings import SettingsError, read_settings
from keys.hashing import HashingPool
from keys.usage.buffer import REFUSED_WITHOUT_A_KEY_AT_MOST, Sender
from models.engine.database import Database
from models.usage.refused_request import RefusedReason
from resolvers.services import KeyServices
from tests.conftest import Clock
from tests.support.client import CHEAP, NEVER_WAS, Site, application, open_site, running
from tests.support.gateways.programs import PATH
from tests.support.http.client import connected, verification
from tests.support.keys.issued_keys import HeldHasher, issue, until
from tests.support.servers.redis_server import running_redis
from tests.support.servers.servers import REAL, ROOT, Server, Servers
from tests.support.servers.small_servers import free_port
from tests.support.world import World

TOKEN = "a token for Prometheus, of the operator's choice"
ON = {"KEYDESK_METRICS": "true"}
HERE = "http://127.0.0.1:8000"
GIVE_UP_SECONDS = 60.0
NOBODY_THERE = "redis://127.0.0.1:1"


def numbers(text: str) -> dict[str, float]:
    """The samples of an answer by name and label values, such as `keydesk_x_total good`."""
    return {
        " ".join([sample.name, *(sample.labels[label] for label in sorted(sample.labels))]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@asynccontextmanager
async def asked(
    database_address: str, environment: Mapping[str, str], peer: str | None = "127.0.0.1"
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application of its own, whose connection comes from this address."""
    app = application(database_address, environment=environment)
    async with running(app), connected_from(app, peer) as http:
        yield http


def connected_from(app: Keydesk, peer: str | None) -> httpx.AsyncClient:
    """A client whose connection comes from this address."""
    client = None if peer is None else (peer, 40_000)
    return httpx.AsyncClient(transport=httpx.ASGITransport(cast(Any, app), client=cast(Any, client)), base_url=HERE)


@pytest.fixture
async def measured(database_address: str, clock: Clock) -> AsyncIterator[Site]:
    """A site with metrics and a gateway token."""
    async with open_site(database_address, clock, {**ON, "KEYDESK_GATEWAY_TOKEN": TOKEN}) as site:
        yield site


async def scraped(site: Site) -> dict[str, float]:
    """What a Prometheus on this machine reads."""
    answer = await (await site.browser()).http.get("/metrics", headers={"Host": "localhost"})
    assert answer.status_code == 200
    return numbers(answer.text)


async def test_without_being_wanted_there_are_none(database_address: str) -> None:
    """Unless KEYDESK_METRICS is true, /metrics is not found, even with the token."""
    async with asked(database_address, {"KEYDESK_METRICS_TOKEN": TOKEN}) as http:
        answer = await http.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})

    assert answer.status_code == 404


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
async def test_callers_on_this_machine_may_read_them(database_address: str, peer: str) -> None:
    """On loopback, no token is needed."""
    async with asked(database_address, ON, peer) as http:
        answer = await http.get("/metrics")

    assert answer.status_code == 200
    assert numbers(answer.text)["keydesk_verifications_total good"] == 0


STRANGERS: list[tuple[str | None, dict[str, str]]] = [
    ("203.0.113.7", {}),
    ("::ffff:203.0.113.7", {}),
    (None, {}),
    ("203.0.113.7", {"Authorization": f"Bearer {TOKEN}x"}),
    ("203.0.113.7", {"Authorization": f"Basic {TOKEN}"}),
    ("203.0.113.7", {"Authorization": TOKEN}),
    ("203.0.113.7", {"Authorization": "Bearer"}),
    ("203.0.113.7", {"X-Forwarded-For": "127.0.0.1"}),
    ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}),
    ("127.0.0.1", {"X-Forwarded-Host": "keys.example"}),
    ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}),
    ("127.0.0.1", {"Via": "1.1 a-proxy"}),
    ("127.0.0.1", {"X-Real-IP": "127.0.0.1"}),
    ("127.0.0.1", {"Host": "keys.example"}),
    ("127.0.0.1", {"Host": "rebound.evil.example:8000"}),
    ("127.0.0.1", {"Host": "localhost.evil.example"}),
    ("127.0.0.1", {"Host": "[::1"}),
]


@pytest.mark.parametrize("token", ["", TOKEN])
async def test_others_may_not(database_address: str, token: str) -> None:
    """A remote caller, a proxy on this machine, a page with a rebound name, and a wrong token get 403."""
    app = application(database_address, environment={**ON, "KEYDESK_METRICS_TOKEN": token})
    async with running(app):
        for peer, headers in STRANGERS:
            async with connected_from(app, peer) as http:
                answer = await http.get("/metrics", headers=headers)

            assert answer.status_code == 403, (peer, headers)
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["status"] == 403
            assert "keydesk_" not in answer.text


@pytest.mark.parametrize("headers", [{}, {"Authorization": f"Bearer {TOKEN}x"}])
async def test_a_token_that_is_set_is_asked_of_everybody(database_address: str, headers: dict[str, str]) -> None:
    """Once a token is set, local callers need it, too, since they may be a proxy."""
    async with asked(database_address, {**ON, "KEYDESK_METRICS_TOKEN": TOKEN}) as http:
        answer = await http.get("/metrics", headers=headers)

    assert answer.status_code == 403
    assert "token" in answer.json()["detail"]


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
async def test_this_machine_has_several_names(database_address: str, host: str) -> None:
    """A scraper on this machine can use any of its names."""
    async with asked(database_address, ON) as http:
        assert (await http.get("/metrics", headers={"Host": host})).status_code == 200


@contextmanager
def plain_nginx(upstream: str, folder: Path) -> Iterator[str]:
    """The address of an nginx that is configured with little more than `proxy_pass`."""
    port = free_port()
    temporary = " ".join(f"{each}_temp_path {folder}/{each};" for each in ("client_body", "proxy", "fastcgi", "uwsgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr; events {{ }}\n"
        f"http {{ access_log off; {temporary} scgi_temp_path {folder}/scgi;\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass {upstream}; }} }} }}\n"
    )
    program = shutil.which("nginx", path=PATH)
    assert program is not None
    command = [program, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            give_up_at = time.monotonic() + GIVE_UP_SECONDS
            while not _listens(port) and time.monotonic() < give_up_at:
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.skipif(shutil.which("nginx", path=PATH) is None, reason="needs nginx")
async def test_a_plain_proxy_on_this_machine_is_not_taken_for_a_caller(database_address: str, tmp_path: Path) -> None:
    """The requests of an nginx with only `proxy_pass` look like any caller's, so they are refused."""
    servers = Servers(database_address, tmp_path, program=REAL, settings=ON)
    try:
        [server] = servers.start()
        with plain_nginx(server.address, tmp_path) as proxied:
            async with httpx.AsyncClient() as http:
                through = await http.get(f"{proxied}/metrics", timeout=GIVE_UP_SECONDS)
                ready = await http.get(f"{proxied}/readyz", timeout=GIVE_UP_SECONDS)
        direct = await read(server)
    finally:
        servers.close()

    assert (ready.status_code, through.status_code) == (200, 403)
    assert "keydesk_verifications_total good" in direct


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_with_the_token_they_are_read_from_anywhere(database_address: str, scheme: str) -> None:
    """With the token, the caller's address and proxies do not matter."""
    headers = {"Authorization": f"{scheme} {TOKEN}", "X-Forwarded-For": "198.51.100.1"}
    async with asked(database_address, {**ON, "KEYDESK_METRICS_TOKEN": TOKEN}, "203.0.113.7") as http:
        answer = await http.get("/metrics", headers=headers)

    assert answer.status_code == 200


async def test_without_a_token_set_nothing_is_one(database_address: str) -> None:
    """While no token is set, neither an empty one nor the word None is accepted."""
    async with asked(database_address, ON, "203.0.113.7") as http:
        answers = [await http.get("/metrics", headers={"Authorization": f"Bearer {each}"}) for each in ("", "None")]

    assert [answer.status_code for answer in answers] == [403, 403]


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, "text/plain; version=0.0.4"),
        ("text/plain;version=1.0.0", "text/plain; version=1.0.0"),
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text; version=1.0.0"),
    ],
)
async def test_the_form_is_the_one_that_is_asked_for(database_address: str, accept: str | None, form: str) -> None:
    """Prometheus's text format is the default, OpenMetrics is available, and only GET is allowed."""
    async with asked(database_address, ON) as http:
        answer = await http.get("/metrics", headers={} if accept is None else {"Accept": accept})
        posted = await http.post("/metrics")
        below = await http.get("/metrics/more")

    assert answer.headers["Content-Type"].startswith(form)
    assert answer.text.endswith("# EOF\n") == form.startswith("application/openmetrics")
    assert (posted.status_code, posted.headers["Allow"], below.status_code) == (405, "GET", 404)


async def test_each_verification_is_counted_by_its_outcome_and_timed(measured: Site) -> None:
    """All outcomes exist from the start. Each answer adds one to its outcome, and one to the histogram."""
    gateway = {"x-gateway-token": TOKEN}
    [issued] = (await measured.fill("deploy")).values()
    before = await scraped(measured)

    for _ in range(3):
        await measured.verify(issued["secret"], **gateway)
    await measured.verify("nothing like a key", **gateway)
    await measured.verify(issued["secret"], **gateway, **{"x-agent-id": measured.agent("theirs")})
    await measured.verify(issued["secret"])
    await (await measured.browser()).http.get("/v1/verify/below", headers=gateway)
    after = await scraped(measured)

    counted = {code: after[f"keydesk_verifications_total {code}"] for code in CODES}
    expected = {"good": 3, "malformed_key": 1, "agent_not_in_scope": 1, "gateway_not_allowed": 1, "missing_key": 1}
    assert {code: before[f"keydesk_verifications_total {code}"] for code in CODES} == dict.fromkeys(CODES, 0)
    assert {code: number for code, number in counted.items() if number} == expected
    assert after["keydesk_verification_duration_seconds_count"] == 7
    assert after["keydesk_verification_duration_seconds_bucket +Inf"] == 7
    assert after["keydesk_verification_duration_seconds_sum"] > 0
    buckets = [after[f"keydesk_verification_duration_seconds_bucket {bound}"] for bound in BUCKETS_SECONDS]
    assert buckets == sorted(buckets)


@pytest.fixture
def metering(database: Database, clock: Clock) -> Metering:
    """The usage recorder and limiter of one process, not running."""
    return Metering(read_settings({}), database, clock=clock)


def metrics_of(metering: Metering, *pools: HashingPool, folder: Path | None = None) -> Metrics:
    """The metrics of a process with these parts."""
    return Metrics(pools=pools, limiter=metering.limiter, recorder=metering.recorder, folder=folder)


def told(metrics: Metrics) -> dict[str, float]:
    """The present values."""
    metrics.hand_over()
    return numbers(generate_latest(metrics.registry).decode())


async def test_the_documentation_has_every_metric(metering: Metering) -> None:
    """The guide lists every metric with its labels, and no other."""
    metrics = metrics_of(metering, HashingPool(CHEAP.hasher(), threads=1, queue_limit=1, name="cold-keys"))
    metrics.count_request("/graphql", 200)

    text = (ROOT / "docs/guide/operating.md").read_text()
    documented = {
        name: set(re.findall("`([a-z]+)`", labels)) - {"pid"}
        for name, labels in re.findall(r"^\| `(keydesk_[a-z_]+)` \|([^|]*)\|", text, flags=re.MULTILINE)
    }

    metrics.hand_over()
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    ours = [family for family in families if family.name.startswith("keydesk_")]
    assert documented == {
        f"{family.name}_total" if family.type == "counter" else family.name: set(family.samples[0].labels) - {"le"}
        for family in ours
    }


async def test_a_duration_is_counted_in_its_bucket(metering: Metering) -> None:
    """Each bucket counts durations up to its bound, and the last one all. Reading does not change them."""
    metrics = metrics_of(metering)

    for seconds in (0.0004, 0.0005, 0.0006, 0.3, 7.0):
        metrics.answered("good", None, "req_1", None, seconds)
    found, again = told(metrics), told(metrics)

    name = "keydesk_verification_duration_seconds"
    bounds = ("0.0005", "0.001", "0.25", "0.5", "1.0", "+Inf")
    assert [found[f"{name}_bucket {bound}"] for bound in bounds] == [2, 3, 3, 4, 4, 5]
    assert found[f"{name}_sum"] == pytest.approx(7.3015)
    assert {each: value for each, value in again.items() if each.startswith("keydesk_")} == {
        each: value for each, value in found.items() if each.startswith("keydesk_")
    }


async def test_other_requests_are_counted_by_route_and_status(measured: Site) -> None:
    """GraphQL is counted by status. All unknown paths share one label."""
    browser = await measured.browser()

    for document in ("{ __typename }", "{ __typename }", "{ no such thing"):
        await browser.graphql(document)
    for path in ("/nothing/here", "/nothing/there", "/docs/guide/keys"):
        await browser.http.get(path)
    found = await scraped(measured)

    assert {name: value for name, value in found.items() if name.startswith("keydesk_http_requests_total")} == {
        "keydesk_http_requests_total /graphql 200": 2,
        "keydesk_http_requests_total /graphql 400": 1,
        "keydesk_http_requests_total unknown 404": 2,
        "keydesk_http_requests_total /docs 200": 1,
    }


async def test_how_full_the_queues_are(metering: Metering) -> None:
    """The depth and limit of each hashing pool, what waits for the limiter, and what waits to be written."""
    hasher = HeldHasher()
    pool = HashingPool(hasher, threads=1, queue_limit=7, name="cold-keys")
    metrics = metrics_of(metering, pool)
    hashed = CHEAP.hasher().hash("a secret")

    waiting = [asyncio.ensure_future(pool.verify(hashed, "a secret")) for _ in range(3)]
    await until(hasher.entered.is_set)
    metering.recorder.add_refusal(RefusedReason.MISSING_KEY, NEVER_WAS.hex, Sender(None, b""))
    during = told(metrics)
    hasher.released.set()
    await asyncio.gather(*waiting)
    after = told(metrics)
    pool.close()

    names = ("hashing_queue_depth cold-keys", "hashing_queue_limit cold-keys", "limiter_waiting_requests")
    assert [during[f"keydesk_{name}"] for name in names] == [3, 7, 0]
    assert [after[f"keydesk_{name}"] for name in names] == [0, 7, 0]
    assert (during["keydesk_ledger_waiting"], during["keydesk_limiter_degraded"]) == (1, 0)


async def test_what_does_not_fit_the_usage_buffer_is_counted_once(metering: Metering) -> None:
    """Each dropped request is counted once, by kind, whenever the metrics are read."""
    metrics = metrics_of(metering)
    name = "keydesk_ledger_dropped_total refused_without_a_key"

    found = []
    for number in (0, REFUSED_WITHOUT_A_KEY_AT_MOST, 20, 0, 3):
        for _ in range(number):
            metering.recorder.add_refusal(RefusedReason.MISSING_KEY, NEVER_WAS.hex, Sender(None, b""))
        found.append(told(metrics)[name])

    assert found == [0, 0, 20, 20, 23]
    assert told(metrics)["keydesk_ledger_dropped_total counts"] == 0


async def test_the_limiter_s_state_is_told(database_address: str, clock: Clock) -> None:
    """The value is 1 while Redis can't be reached."""
    async with open_site(database_address, clock, {**ON, "KEYDESK_REDIS_URL": NOBODY_THERE}) as site:
        found = await scraped(site)

    assert found["keydesk_limiter_degraded"] == 1


async def test_a_folder_that_is_not_there_is_said_to_be(metering: Metering, tmp_path: Path) -> None:
    """A missing PROMETHEUS_MULTIPROC_DIR is reported as a wrong setting."""
    with pytest.raises(SettingsError, match="PROMETHEUS_MULTIPROC_DIR"):
        metrics_of(metering, folder=tmp_path / "nothing")


async def read(server: Server) -> dict[str, float]:
    """The answer of whichever worker accepts the connection."""
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{server.address}/metrics", timeout=GIVE_UP_SECONDS)
    assert answer.status_code == 200
    return numbers(answer.text)


async def read_until(server: Server, is_so: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    """The first answer for which the condition holds."""
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while True:
            if is_so(found := await read(server)):
                return found
            await asyncio.sleep(0.05)


def workers_in(found: dict[str, float]) -> set[int]:
    """The process ids of the workers in an answer."""
    name = "keydesk_worker_start_time_seconds "
    return {int(each.removeprefix(name)) for each in found if each.startswith(name)}


async def verify(server: Server, secret: str, times: int) -> None:
    """Verifies `times` times, each on its own connection."""
    for _ in range(times):
        async with connected(server) as connection:
            assert (await connection.ask(verification(secret))).status == 200


@contextmanager
def stopped(process: int) -> Iterator[None]:
    """Stops this worker during the block, so that the other one must answer."""
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


async def test_two_workers_are_summed_whichever_answers_and_whichever_dies(
    database_address: str, services: KeyServices, world: World, tmp_path: Path
) -> None:
    """Each worker answers for both. A killed one's counts stay and its gauges go. The shared folder is removed."""
    issued = await issue(services, world)
    secret, folder, good = issued.secret.reveal(), tmp_path / "temporary", "keydesk_verifications_total good"
    folder.mkdir()
    with running_redis(tmp_path) as redis:
        settings = {**ON, "KEYDESK_REDIS_URL": redis.url, "TMPDIR": str(folder)}
        servers = Servers(database_address, tmp_path, program=(*REAL, "--workers", "2"), settings=settings)
        try:
            [server] = servers.start()
            first, second = sorted(workers_in(await read_until(server, lambda found: len(workers_in(found)) == 2)))

            with stopped(first):
                await verify(server, secret, 3)
                by_second = await read(server)
            with stopped(second):
                await verify(server, secret, 4)
                by_first = await read_until(server, lambda found: found[good] >= 7)
            with stopped(first):
                by_second_later = await read_until(server, lambda found: found[good] >= 7)
            shared = os.listdir(folder)
            os.kill(first, signal.SIGKILL)
            replaced = await read_until(
                server, lambda found: len(workers_in(found)) == 2 and first not in workers_in(found)
            )
        finally:
            servers.close()

    assert (by_second[good], by_first[good], by_second_later[good], replaced[good]) == (3, 7, 7, 7)
    assert replaced["keydesk_verification_duration_seconds_count"] == 7
    assert second in workers_in(replaced)
    limits = [found["keydesk_hashing_queue_limit cold-keys"] for found in (by_first, by_second, replaced)]
    assert limits == [2 * COLD_KEYS_QUEUE] * 3
    assert len(shared) == 1
    assert os.listdir(folder) == []


async def test_a_single_worker_needs_no_folder_and_tells_of_its_process(database_address: str, tmp_path: Path) -> None:
    """The library's metrics of the process are included."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    servers = Servers(database_address, tmp_path, program=REAL, settings={**ON, "TMPDIR": str(folder)})
    try:
        [server] = servers.start()
        found = await read(server)
        made = os.listdir(folder)
    finally:
        servers.close()

    assert {"process_start_time_seconds", "process_resident_memory_bytes", "process_cpu_seconds_total"} <= found.keys()
    assert "keydesk_worker_start_time_seconds" in found
    assert made == []
