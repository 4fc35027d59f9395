"""Requests to other servers: what is sent, and what no answer can do."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import app.outbound.client as client_module
from app.outbound.client import Address, Outbound, OutboundFailure, any_address, loopback_only
from tests.support.http.small_server import small_server

Handler = Callable[[bytes, asyncio.StreamWriter], object]


@asynccontextmanager
async def listening(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that calls the handler with the head of each request. Yields its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        result = handler(await reader.readuntil(b"\r\n\r\n"), writer)
        if asyncio.iscoroutine(result):
            await result

    async with small_server(serve, tls) as port:
        yield port


@asynccontextmanager
async def outbound(
    *, allows: Callable[[Address], bool] = any_address, seconds: float = 10, bytes_at_most: int = 1000
) -> AsyncIterator[Outbound]:
    made = Outbound(allows=allows, seconds=seconds, bytes_at_most=bytes_at_most)
    try:
        yield made
    finally:
        await made.close()


def answering(body: bytes = b"{}", status: str = "200 OK", headers: bytes = b"") -> Handler:
    def handler(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\n".encode() + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    return handler


async def failure_of(url: str, **policy: float) -> str:
    """The reason for which there is no answer."""
    async with outbound(**policy) as client:  # type: ignore[arg-type]
        with pytest.raises(OutboundFailure) as refused:
            await client.get(url)
    return str(refused.value)


async def test_a_request_says_who_sends_it_and_carries_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cookie, and no proxy of the environment."""
    heads: list[bytes] = []
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    def handler(head: bytes, writer: asyncio.StreamWriter) -> None:
        heads.append(head)
        answering(b"hello", headers=b"Set-Cookie: a=b\r\n")(head, writer)

    async with listening(handler) as port, outbound() as client:
        for _ in range(2):
            reply = await client.get(f"http://127.0.0.1:{port}/path?q=1")

    assert (reply.status, reply.body) == (200, b"hello")
    lines = heads[1].decode().split("\r\n")
    assert lines[0] == "GET /path?q=1 HTTP/1.1"
    names = {line.partition(":")[0].lower() for line in lines[1:] if line}
    assert names == {"host", "user-agent", "accept-encoding", "connection", "accept"}
    assert "User-Agent: Keydesk/" in heads[0].decode()


async def test_a_redirect_is_an_answer_like_others() -> None:
    """It is not followed."""
    requests: list[bytes] = []

    def handler(head: bytes, writer: asyncio.StreamWriter) -> None:
        requests.append(head)
        answering(b"", "302 Found", b"Location: /elsewhere\r\n")(head, writer)

    async with listening(handler) as port, outbound() as client:
        reply = await client.get(f"http://127.0.0.1:{port}/")

    assert (reply.status, len(requests)) == (302, 1)


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_large_answer_is_not_read_to_its_end(is_chunked: bool) -> None:
    """Whether or not it says how large it is."""

    async def handler(_head: bytes, writer: asyncio.StreamWriter) -> None:
        kind = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: 1000000000"
        writer.write(b"HTTP/1.1 200 OK\r\n" + kind + b"\r\n\r\n")
        for _ in range(1_000_000):
            writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n" if is_chunked else b"x" * 1024)
            await writer.drain()

    async with listening(handler) as port:
        assert await failure_of(f"http://127.0.0.1:{port}/") == "the answer is larger than 1,000 bytes"


async def test_a_compressed_answer_is_refused() -> None:
    """A small one could become a large one."""
    small = answering(gzip.compress(b"0" * 10_000_000), headers=b"Content-Encoding: gzip\r\n")

    async with listening(small) as port:
        assert "compressed" in await failure_of(f"http://127.0.0.1:{port}/", bytes_at_most=1_000_000)


async def test_an_answer_that_drips_has_an_end() -> None:
    """The time is for the whole answer, not for each part of it."""

    async def handler(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with listening(handler) as port:
        said = await failure_of(f"http://127.0.0.1:{port}/", seconds=0.3, bytes_at_most=1_000_000)

    assert said == "there was no whole answer within 0.3 seconds"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "the connection was lost, or the answer is not valid HTTP"),
        (b"hello\r\n\r\n", "the connection was lost, or the answer is not valid HTTP"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
            "the connection was lost, or the answer is not valid HTTP",
        ),
    ],
)
async def test_what_is_not_http_is_a_failure(answer: bytes, said: str) -> None:
    """Never an exception of another kind."""
    async with listening(lambda _head, writer: writer.write(answer)) as port:
        assert await failure_of(f"http://127.0.0.1:{port}/") == said


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/", "", "/path", "http://", "http://[::1", "http://127.0.0.1:99999/", "http://é.example/"]
)
async def test_an_address_that_is_not_one_is_a_failure(url: str) -> None:
    """The message does not repeat it."""
    said = await failure_of(url)

    assert url == "" or url not in said


async def test_a_server_that_does_not_listen_is_a_failure() -> None:
    """As is a name without an address."""
    async with listening(answering()) as port:
        pass

    assert await failure_of(f"http://127.0.0.1:{port}/") == "no connection could be made"
    assert await failure_of("https://nothing.invalid/") == "its host's name has no address"


async def test_http_without_tls_stays_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a name resolves to."""

    async def elsewhere(_host: str, _port: int) -> list[Address]:
        return [ip_address("192.0.2.1")]

    monkeypatch.setattr(client_module, "addresses_of", elsewhere)

    assert "not one that Keydesk may connect to" in await failure_of("http://localhost:9/")


async def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is resolved once: a second answer, after the check, changes nothing."""
    answers = [["127.0.0.1"], ["192.0.2.1"]]
    resolved: list[str] = []

    async def rebinding(host: str, _port: int) -> list[Address]:
        resolved.append(host)
        return [ip_address(each) for each in answers[len(resolved) - 1]]

    monkeypatch.setattr(client_module, "addresses_of", rebinding)
    async with listening(answering(b"here")) as port, outbound() as client:
        reply = await client.get(f"http://rebinding.example:{port}/")

    assert (reply.body, resolved) == (b"here", ["rebinding.example"])


async def test_only_allowed_addresses_of_a_name_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """An IPv4 address in the form of an IPv6 address counts as the IPv4 address."""
    assert loopback_only(ip_address("127.0.0.5"))
    assert not loopback_only(ip_address("10.0.0.1"))
    found = await client_module.addresses_of("::ffff:127.0.0.1", 80)
    assert found == [ip_address("127.0.0.1")]

    async def several(_host: str, _port: int) -> list[Address]:
        return [ip_address("192.0.2.1"), ip_address("127.0.0.1")]

    monkeypatch.setattr(client_module, "addresses_of", several)
    async with listening(answering(b"here")) as port, outbound() as client:
        assert (await client.get(f"http://several.example:{port}/")).body == b"here"


def own_certificate(path: Path) -> ssl.SSLContext:
    """TLS for `localhost`, with a certificate that nobody else has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2090, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def test_a_certificate_must_be_signed_by_somebody_whom_the_system_trusts(tmp_path: Path) -> None:
    """The reason is in the message."""
    async with listening(answering(), own_certificate(tmp_path / "both.pem")) as port:
        said = await failure_of(f"https://localhost:{port}/")

    assert said.startswith("its certificate is not valid: self")


async def test_a_name_is_verified_although_the_connection_goes_to_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The certificate is trusted here, and is for another name."""
    path = tmp_path / "both.pem"
    context = own_certificate(path)
    trusting = ssl.create_default_context(cafile=path)
    monkeypatch.setattr("httpcore2.default_ssl_context", lambda: trusting)

    async def here(_host: str, _port: int) -> list[Address]:
        return [ip_address("127.0.0.1")]

    monkeypatch.setattr(client_module, "addresses_of", here)
    async with listening(answering(b"here"), context) as port:
        async with outbound() as client:
            assert (await client.get(f"https://localhost:{port}/")).body == b"here"
        assert "its certificate is not valid" in await failure_of(f"https://other.example:{port}/")
