"""Which of a database's servers is the primary, by what the servers say about themselves."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from models.engine.database_address import Host, database_url
from models.engine.primary import Primary
from models.engine.server_probe import Probe
from models.engine.server_state import (
    History,
    OtherCluster,
    Process,
    ReadOnlyPrimary,
    ReplacedPrimary,
    ServerState,
    Standby,
)

ONE, TWO = Host("one", 5432), Host("two", 5432)
Answers = dict[Host, ServerState | Exception]


def state(
    timeline: int | None, *, cluster: int = 1, is_standby: bool = False, is_read_only: bool = False
) -> ServerState:
    """The answer of a primary on this timeline, or of a standby."""
    history = None if timeline is None or is_standby else History(cluster, timeline)
    return ServerState(is_standby, is_read_only or is_standby, Process(1, datetime(2026, 11, 30, tzinfo=UTC)), history)


STANDBY = state(None, is_standby=True)
UNREACHABLE = OSError("unreachable")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """What the servers answer; the test changes it."""
    given: Answers = {}

    async def answer(probe: Probe) -> ServerState:
        found = given[probe.host]
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(Probe, "state", answer)
    return given


async def chosen(answers: Answers, *looks: Mapping[Host, ServerState | Exception]) -> tuple[Host | None, str | None]:
    """The primary after looks with these answers, and the kind of fault."""
    primary = Primary(database_url("postgresql://one,two/d"))
    for each in looks:
        answers.update(each)
        await primary.look()
    return primary.host, None if primary.fault is None else type(primary.fault).__name__


@pytest.mark.parametrize(
    ("looks", "found"),
    [
        ([{ONE: state(1), TWO: STANDBY}], (ONE, None)),
        ([{ONE: STANDBY, TWO: state(1)}], (TWO, None)),
        ([{ONE: UNREACHABLE, TWO: state(2)}], (TWO, None)),
        # Without fencing: the one that was promoted last, whatever the order of the hosts.
        ([{ONE: state(1), TWO: state(2)}], (TWO, None)),
        ([{ONE: state(2), TWO: state(1)}], (ONE, None)),
        ([{ONE: state(1), TWO: state(2, is_read_only=True)}], (TWO, ReadOnlyPrimary)),
        # An old primary that comes back while the new one is away is not used.
        ([{ONE: state(1), TWO: state(2)}, {TWO: UNREACHABLE}], (TWO, OSError)),
        ([{ONE: state(1), TWO: state(2)}, {TWO: STANDBY}], (TWO, ReplacedPrimary)),
        # Servers that can't say which history they have: the one that accepts writes, or else the one that is used.
        ([{ONE: state(None, is_read_only=True), TWO: state(None)}], (TWO, None)),
        ([{ONE: STANDBY, TWO: state(None)}, {ONE: state(None)}], (TWO, None)),
        # A host that leads to another cluster is never used, also while there is none of the known cluster.
        ([{ONE: state(1), TWO: STANDBY}, {TWO: state(9, cluster=2)}], (ONE, None)),
        ([{ONE: state(1), TWO: STANDBY}, {ONE: UNREACHABLE, TWO: state(9, cluster=2)}], (ONE, OSError)),
        ([{ONE: state(1), TWO: STANDBY}, {ONE: STANDBY, TWO: state(9, cluster=2)}], (ONE, OtherCluster)),
        ([{ONE: state(1), TWO: STANDBY}, {ONE: UNREACHABLE, TWO: state(9, cluster=2)}, {ONE: state(1)}], (ONE, None)),
        ([{ONE: state(1), TWO: STANDBY}, {ONE: UNREACHABLE}], (None, OSError)),
        ([{ONE: STANDBY, TWO: STANDBY}], (None, Standby)),
        ([{ONE: UNREACHABLE, TWO: UNREACHABLE}, {ONE: state(1)}], (ONE, None)),
    ],
)
async def test_the_primary_is_chosen(
    answers: Answers,
    looks: list[Mapping[Host, ServerState | Exception]],
    found: tuple[Host | None, type[Exception] | None],
) -> None:
    """By the answers of one or two looks at both servers."""
    host, fault = found
    assert await chosen(answers, *looks) == (host, None if fault is None else fault.__name__)
