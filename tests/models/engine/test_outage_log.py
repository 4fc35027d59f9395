"""An outage is logged once when it begins and once when it ends, however many attempts fail in between."""

import logging
import sqlite3
import time
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from models.engine.outage_log import OutageLog, named

logger = logging.getLogger("keydesk.test")


class Watch:
    """A monotonic clock that a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.seconds)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


def outage_log(**options: float) -> OutageLog:
    return OutageLog(
        logger,
        began=lambda error: f"It fails ({type(error).__name__})",
        ended="It works again",
        level=logging.ERROR,
        **options,
    )


def test_a_line_when_it_fails_and_one_when_it_works(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    """The first line names the class of the first error, the last one says how long the outage took."""
    outage = outage_log()
    for _ in range(2):
        outage.worked()
        for error in (OSError("hunter2"), ValueError(), OSError()):
            outage.failed(error)
            assert outage.is_on
            watch.seconds += 0.5
        outage.worked()
        assert not outage.is_on

    lines = [(record.levelno, record.getMessage()) for record in caplog.records]
    assert lines == 2 * [(logging.ERROR, "It fails (OSError)"), (logging.WARNING, "It works again, after 1.5 s")]


def test_outages_that_follow_soon_are_counted(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    """Short outages within the pause are only counted; a longer one is logged together with their number."""
    outage = outage_log(every_seconds=60)
    for _ in range(4):
        outage.failed(OSError())
        watch.seconds += 1
        outage.worked()
    outage.failed(OSError())
    watch.seconds += 60
    outage.failed(ValueError())
    outage.failed(ValueError())
    outage.worked()

    assert caplog.messages == [
        "It fails (OSError)",
        "It works again, after 1.0 s",
        "It fails (ValueError). Short outages since the last message: 3",
        "It works again, after 60.0 s",
    ]


def test_an_error_is_named_without_its_message(tmp_path: Path) -> None:
    """SQLite's own name says what is wrong, also through SQLAlchemy."""
    connection = sqlite3.connect(tmp_path / "small.db", isolation_level=None)
    connection.execute("PRAGMA max_page_count = 2")
    connection.execute("CREATE TABLE noted (value)")
    with pytest.raises(sqlite3.OperationalError) as full:
        connection.execute("INSERT INTO noted VALUES (zeroblob(10000))")
    connection.close()

    assert named(full.value) == "OperationalError SQLITE_FULL"
    assert named(OperationalError("INSERT", None, full.value)) == "OperationalError SQLITE_FULL"
    assert named(ConnectionError("at 10.0.0.1")) == "ConnectionError"
    assert named(None) == "NoneType"
