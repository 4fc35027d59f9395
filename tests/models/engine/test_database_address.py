"""The address of a database with one or several PostgreSQL servers."""

import pytest

from models.engine.database_address import UnsupportedDatabase, database_url, hosts_of

SEVERAL = [
    ("postgresql+asyncpg://u:p@one:5433,two:5434/d", ["one:5433", "two:5434"]),
    ("postgres://u:p@one,two/d?sslmode=require", ["one:5432", "two:5432"]),
    ("postgresql://u:p%40,q@one,two:6000/d", ["one:5432", "two:6000"]),
    ("postgresql://[::1]:5433,[fe80::1]/d", ["[::1]:5433", "[fe80::1]:5432"]),
    ("postgresql://u@/d?host=one,two&port=5433,5434", ["one:5433", "two:5434"]),
    ("postgresql://u@/d?host=one,two&port=5433", ["one:5433", "two:5433"]),
    ("postgresql:///d?host=/run/one,/run/two", ["/run/one:5432", "/run/two:5432"]),
    ("postgresql:///d?host=::1,two", ["[::1]:5432", "two:5432"]),
    ("postgresql://u@one/d", ["one:5432"]),
    ("postgresql://u@/d?host=/run/one&port=6000", ["/run/one:6000"]),
]


@pytest.mark.parametrize(("address", "hosts"), SEVERAL)
def test_the_hosts_of_an_address(address: str, hosts: list[str]) -> None:
    """In the order in which they were given. The URL's text can be read again."""
    url = database_url(address)

    assert list(map(str, hosts_of(url))) == hosts
    assert database_url(url.render_as_string(hide_password=False)) == url
    assert (url.username, url.password) in ((None, None), ("u", None), ("u", "p"), ("u", "p@,q"))


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("postgresql://u:p@one,/d", "one of its hosts"),
        ("postgresql://u:p@one,two:0/d", "port of one of its hosts"),
        ("postgresql://u:p@one,two:5432:1/d", "one of its hosts"),
        ("postgresql://u:p@one,tw o/d", "one of its hosts"),
        ("postgresql://u:p@::1,two/d", "one of its hosts"),
        ("postgresql://u:p@one,one:5432/d", "each of them once"),
        ("postgresql://" + ",".join(f"h{number}" for number in range(9)) + "/d", "at most 8 hosts"),
        ("postgresql://one,two", "no database name"),
        ("postgresql://one,two/d?host=three", "twice"),
        ("postgresql:///d?host=one,two&port=1,2,3", "one port for each host"),
        ("postgresql:///d?host=one&host=two&port=3", "twice"),
        ("postgresql:///d?host=one,two&sslmode=strict", "sslmode must be one of"),
        ("postgresql:///d?port=1&port=2", "there twice"),
        ("mysql://one,two/d", "mysql is not one of"),
    ],
)
def test_hosts_that_can_not_be_used_are_refused(address: str, why: str) -> None:
    """With a reason that repeats nothing of the address that may be secret."""
    with pytest.raises(UnsupportedDatabase, match=why) as refused:
        database_url(address)

    assert "u:p" not in str(refused.value)
