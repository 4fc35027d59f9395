"""Names of settings, names that look like settings, and values from files."""

import os
from pathlib import Path

import httpx
import pytest

from app.settings import KNOWN, Known, SettingsError, read_settings, read_with_warnings
from tests.conftest import SERVER_KEYS
from tests.support.command_line import SECRET_KEY, Keydesk
from tests.support.servers.servers import REAL, Servers

NAMES = [each.name for each in KNOWN]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("KEYDESK_DB_URL", "KEYDESK_DATABASE_URL"),
        ("KEYDESK_DATABASE_URI", "KEYDESK_DATABASE_URL"),
        ("KEYDESK_DATABASE", "KEYDESK_DATABASE_URL"),
        ("KEYDESK_DATABSE_URL", "KEYDESK_DATABASE_URL"),
        ("KEYDESK_POSTGRES_URL", "KEYDESK_DATABASE_URL"),
        ("KEYDSK_DATABASE_URL", "KEYDESK_DATABASE_URL"),
        ("keydesk_database_url", "KEYDESK_DATABASE_URL"),
        ("KEYDESK-DATABASE-URL", "KEYDESK_DATABASE_URL"),
        ("KEYDESK_VALKEY_URL", "KEYDESK_REDIS_URL"),
        ("KEYDESK_REQUIRE_AGNET", "KEYDESK_REQUIRE_AGENT"),
        ("KEYDESK_REQUIRE_AGENTS", "KEYDESK_REQUIRE_AGENT"),
        ("KEYDESK_METRIC", "KEYDESK_METRICS"),
        ("KEYDESK_SECRET", "KEYDESK_SECRET_KEY"),
        ("KEYDESK_SECRET_KEYS", "KEYDESK_SECRET_KEY"),
        ("KEYDESK_SECRET_FILE", "KEYDESK_SECRET_KEY_FILE"),
        ("KEYDESK_SECRET_KEY_FIEL", "KEYDESK_SECRET_KEY_FILE"),
        ("KEYDESK_TRUSTED_PROXY", "KEYDESK_TRUSTED_PROXIES"),
        ("KEYDESK_GATEWAY_TOKN", "KEYDESK_GATEWAY_TOKEN"),
        ("KEYDESK_LOGS", "KEYDESK_LOG"),
    ],
)
def test_a_name_close_to_a_setting_stops_the_start(name: str, meant: str) -> None:
    """If the name were ignored, the default would be used: another database, or no check at all."""
    with pytest.raises(SettingsError) as refused:
        read_settings({name: "true"})

    assert str(refused.value).startswith(f"{name}: this setting does not exist. Did you mean {meant}?")


@pytest.mark.parametrize(
    "name",
    [
        "KEYDESK_WORKERS",
        "KEYDESK_PORT",
        "KEYDESK_GITHUB_KEYS_URL",
        "KEYDESK_UNUSED_DAYS",
        "KEYDESK_METRICS_PORT",
    ],
)
def test_another_name_is_warned_of(name: str) -> None:
    """The name may belong to a newer version or to something else, so the server starts with a warning."""
    settings, problems, warnings = read_with_warnings({name: "8080"})

    assert settings is not None
    assert problems == []
    assert [warning.partition(":")[0] for warning in warnings] == [name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "") for name in ("KEYDESK_DB_URL", "KEYDESK_METRIC")),
        ("KEYDESK_TEST_POSTGRES_URL", "postgresql://h/d"),
        ("KEYDESK_API_KEY", "kd_1"),
        ("KEYDESK_PORT", "tcp://10.0.0.1:8000"),
        ("KEYDESK_PORT_8000_TCP_ADDR", "10.0.0.1"),
        ("KEYDESK_SERVICE_HOST", "10.0.0.1"),
        ("KEYDESK_SERVICE_PORT_HTTP", "8000"),
        ("KEYDESK_REDIS_SERVICE_PORT", "6379"),
        ("KEYDESK_REDIS_PORT", "tcp://10.0.0.2:6379"),
        ("KEYDESK_REDIS_PORT_6379_TCP", "tcp://10.0.0.2:6379"),
        ("PATH", "/bin"),
        ("KEYCLOAK_URL", "x"),
    ],
)
def test_names_of_others_are_left_alone(name: str, value: str) -> None:
    """Variables of Kubernetes and of callers, and empty variables, are ignored."""
    assert read_with_warnings({name: value})[1:] == ([], [])


@pytest.mark.parametrize("name", NAMES)
def test_no_setting_is_taken_for_another(name: str) -> None:
    """No known name, with or without _FILE, is taken for a misspelling of another."""
    settings, problems, warnings = read_with_warnings({name: "1", f"{name}_FILE": "/nowhere"})

    assert settings is None
    assert problems == [f"{name}: {name}_FILE is set, too. Keep one of the two."]
    assert warnings == []


def test_every_wrong_setting_is_reported_at_once() -> None:
    """One start reports all wrong settings."""
    with pytest.raises(SettingsError) as refused:
        read_settings({"KEYDESK_LOG": "loud", "KEYDESK_SECRET_KEY": "short", "KEYDESK_METRIC": "true"})

    named = [problem.partition(":")[0] for problem in refused.value.problems]
    assert named == ["KEYDESK_METRIC", "KEYDESK_SECRET_KEY", "KEYDESK_LOG"]


def file_of(folder: Path, content: bytes) -> str:
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(0o600)
    return str(path)


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n\n"])
def test_a_setting_may_come_from_a_file(tmp_path: Path, ending: str) -> None:
    """Line ends at the end of the file are ignored."""
    path = file_of(tmp_path, f"{SECRET_KEY}{ending}".encode())

    read = read_settings({"KEYDESK_SECRET_KEY_FILE": path})

    assert read.server_keys is not None
    assert read.server_keys.ids == SERVER_KEYS.ids


@pytest.mark.parametrize("each", KNOWN, ids=NAMES)
def test_every_setting_may_come_from_a_file(tmp_path: Path, each: Known) -> None:
    """All settings can come from files, not only secrets."""
    name = each.name
    logo = tmp_path / "logo.svg"
    logo.write_bytes(b'<svg xmlns="http://www.w3.org/2000/svg"/>')
    value = {
        "KEYDESK_SECRET_KEY": SECRET_KEY,
        "KEYDESK_REDIS_URL": "redis://cache",
        "KEYDESK_PUBLIC_URL": "https://keys.example",
        "KEYDESK_SUPPORT_EMAIL": "a@b.example",
        "KEYDESK_MAIL_FROM": "a@b.example",
        "KEYDESK_SMTP_URL": "smtp://mail.example",
        "KEYDESK_ALLOWED_ORIGINS": "https://app.example",
        "KEYDESK_RETURN_ORIGINS": "https://product.example",
        "KEYDESK_BRAND_COLOR": "#0b57d0",
        "KEYDESK_BRAND_LOGO": str(logo),
        "KEYDESK_TRUSTED_PROXIES": "10.0.0.1",
        "KEYDESK_FORWARDED_HEADER": "forwarded",
        "KEYDESK_GATEWAY_TOKEN": "a token",
        "KEYDESK_METRICS_TOKEN": "a token",
        "KEYDESK_OIDC_ISSUER": "https://id.example",
        "KEYDESK_ASSISTANT_MODEL_URL": "https://models.example/v1",
    }.get(name, each.default)

    from_file = read_settings({f"{name}_FILE": file_of(tmp_path, value.encode())})

    assert repr(from_file) == repr(read_settings({name: value}))
    assert from_file.redis_url == read_settings({name: value}).redis_url


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"\n \n", "it is empty"),
        (bytes(range(0x80, 0x90)) + b"\xff" * 16, "not text in UTF-8"),
        (b"x" * 70_000, "longer than"),
        (f"{SECRET_KEY}\n{SECRET_KEY[::-1]}".encode(), "several lines"),
        (f"KEYDESK_SECRET_KEY={SECRET_KEY}".encode(), "begins with its own name"),
        (f'"{SECRET_KEY}"'.encode(), "quotes around"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    """The message names the variable and the problem, and has neither content nor path."""
    path = file_of(tmp_path, content)

    with pytest.raises(SettingsError) as refused:
        read_settings({"KEYDESK_SECRET_KEY_FILE": path})

    assert str(refused.value).startswith("KEYDESK_SECRET_KEY_FILE: ")
    assert words in str(refused.value)
    assert SECRET_KEY not in str(refused.value)
    assert path not in str(refused.value)


def test_a_file_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """Missing files, folders, pipes and devices are refused. A pipe would block, and be empty for the next process."""
    os.mkfifo(tmp_path / "pipe")

    for path in (tmp_path / "nothing", tmp_path, tmp_path / "pipe", Path("/dev/null"), SECRET_KEY):
        with pytest.raises(SettingsError, match=r"^KEYDESK_SECRET_KEY_FILE: the file from which") as refused:
            read_settings({"KEYDESK_SECRET_KEY_FILE": str(path)})
        assert str(path) not in str(refused.value)


@pytest.mark.parametrize(("mode", "is_warned"), [(0o600, False), (0o640, False), (0o644, True)])
def test_a_secret_that_everybody_can_read_is_warned_of(
    keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int, is_warned: bool
) -> None:
    """doctor warns of a readable file, for secrets only."""
    path = Path(file_of(tmp_path, SECRET_KEY.encode()))
    path.chmod(mode)
    monkeypatch.delenv("KEYDESK_SECRET_KEY")
    monkeypatch.setenv("KEYDESK_SECRET_KEY_FILE", str(path))
    plain = tmp_path / "log"
    plain.write_text("info")
    plain.chmod(0o644)
    monkeypatch.setenv("KEYDESK_LOG_FILE", str(plain))

    run = keydesk("doctor", "--json")

    warned = [each["detail"] for each in run.value if each["check"] == "settings" and "warning" in each["detail"]]
    assert run.status == 0
    assert len(warned) == is_warned
    assert not is_warned or "every user of this machine can read the file" in warned[0]


def test_commands_tell_of_names_that_are_none(keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands warn on standard error. A name close to a setting refuses the command."""
    monkeypatch.setenv("KEYDESK_WORKERS", "4")
    warned = keydesk("organization", "list", "--json")
    monkeypatch.setenv("KEYDESK_DB_URL", "postgresql://h/d")
    refused = keydesk("migrate", "--json")
    doctor = keydesk("doctor", "--json")

    assert (warned.status, warned.value) == (0, [])
    assert "KEYDESK_WORKERS" in warned.err
    assert "--workers" in warned.err
    assert (refused.status, refused.out) == (1, "")
    assert "Did you mean KEYDESK_DATABASE_URL?" in refused.err
    assert [each["ok"] for each in doctor.value if each["check"] == "settings"] == [False, True]


@pytest.mark.slow
def test_several_workers_read_the_same_files(database_address: str, tmp_path: Path) -> None:
    """Each worker process gets the same settings from the same files."""
    values = {
        "KEYDESK_SECRET_KEY": SECRET_KEY,
        "KEYDESK_DATABASE_URL": database_address,
        "KEYDESK_REDIS_URL": "redis://127.0.0.1:1",
        "KEYDESK_PUBLIC_URL": "https://keys.example",
    }
    given = dict.fromkeys(values, "")
    for name, value in values.items():
        (tmp_path / name).write_text(f"{value}\n")
        given[f"{name}_FILE"] = str(tmp_path / name)
    servers = Servers(database_address, tmp_path, program=(*REAL, "--workers", "2"), settings=given)
    try:
        [server] = servers.start()
        refused = httpx.get(f"{server.address}/v1/verify", timeout=60)
    finally:
        servers.close()

    assert refused.json()["type"] == "https://keys.example/docs/errors#missing_key"


NEWER = """
    WEBHOOK_NETWORKS UNUSED_DAYS GITHUB_KEYS_URL
"""


@pytest.mark.parametrize("name", NEWER.split())
def test_a_setting_of_a_newer_version_is_taken_for_no_misspelling(name: str) -> None:
    """After going back a version, settings of the newer one must not stop the start."""
    settings, problems, warnings = read_with_warnings({f"KEYDESK_{name}": "x"})

    assert settings is not None
    assert problems == []
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("KEYDESK_GITHUB_KEYS_URL", None),
        ("KEYDESK_WEBHOOK_NETWORKS", None),
        ("KEYDESK_MUTATION_LIMIT_PER_MINUTE", "KEYDESK_MUTATIONS_PER_MINUTE"),
    ],
)
def test_a_guess_is_only_made_for_a_name_that_is_alike(name: str, guess: str | None) -> None:
    """The common prefix of all names does not make a name similar."""
    _, problems, warnings = read_with_warnings({"KEYDESK_SECRET_KEY": SECRET_KEY, name: "x"})

    assert problems == []
    assert len(warnings) == 1
    assert ("Did you mean" in warnings[0]) == (guess is not None)
    assert guess is None or f"Did you mean {guess}?" in warnings[0]
