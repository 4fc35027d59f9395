"""Defines the demo's organization: its people, agents and keys, and what happened to them in the last months."""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from app.demo.usage import ALL_DAY, AT_NIGHT, LONG_DAYS, OFFICE_HOURS, DemoCaller, Habit, Refusals
from models import RefusedReason, Role

ORGANIZATION_ID = UUID("0199b3c0-7a00-7de0-8de0-0000000de300")
"""The fixed id by which the demo recognizes the organization that it made."""
ORGANIZATION_NAME = "Northwind Logistics"
OFFICE = "203.0.113.24"
CURL_KEY_NAME = "Try it with curl"


class DemoPerson(NamedTuple):
    """
    A person who can sign in to the demo.

    The password is public, because it is printed; the demo is served only on loopback.
    """

    name: str
    email: str
    password: str
    role: Role
    agents: tuple[str, ...] = ()


class DemoKey(NamedTuple):
    """A key and what happened to it. Times are in days before the demo was filled."""

    name: str
    agent: str | None
    by: str
    created: int
    renamed: tuple[int, str] | None = None
    """The time of the renaming, and the name before it."""
    rotated: int | None = None
    deleted: int | None = None
    limited: tuple[int, int] | None = None
    """The time when the operator set a monthly quota for this key, and that quota."""


NORA, AMIR, MIA = "nora@northwind.example", "amir@northwind.example", "mia@northwind.example"
PEOPLE = (
    DemoPerson("Nora Lindqvist", NORA, "demo-nora-northwind", Role.ORGANIZATION_ADMIN),
    DemoPerson("Amir Haddad", AMIR, "demo-amir-northwind", Role.AGENT_ADMIN, ("Customs Clerk", "Route Planner")),
    DemoPerson("Mia Torres", MIA, "demo-mia-northwind", Role.MEMBER),
)
MEMBERSHIP_CHANGES = (
    (209, f"Nora Lindqvist ({NORA}) was added as organization admin."),
    (206, f"Amir Haddad ({AMIR}) was added as agent admin of “Route Planner”."),
    (
        130,
        f"Amir Haddad ({AMIR}) is now agent admin of “Customs Clerk”, “Route Planner” "
        "and was agent admin of “Route Planner” before.",
    ),
    (57, f"Mia Torres ({MIA}) was added as member."),
)
REFUSED_CREATION = (33, MIA, 3)
"""Days ago, the person, and how often within an hour. The creation was refused because members can't create keys."""
AGENTS = {"Route Planner": 208, "Invoice Reader": 190, "Customs Clerk": 131, "Fleet Dispatcher": 38}
KEYS = (
    DemoKey("Warehouse integration", None, NORA, 203),
    DemoKey("Handheld scanners (old)", None, NORA, 201, deleted=44),
    DemoKey("Route Planner production", "Route Planner", AMIR, 187, rotated=21),
    DemoKey("Customer portal", None, NORA, 149, renamed=(96, "Portal")),
    DemoKey("Nightly invoice batch", "Invoice Reader", NORA, 118, limited=(112, 20_000)),
    DemoKey("Load test", "Route Planner", AMIR, 83, deleted=80),
    DemoKey("Broker feed", "Customs Clerk", AMIR, 62),
    DemoKey("Route Planner staging", "Route Planner", AMIR, 34),
    DemoKey(CURL_KEY_NAME, None, NORA, 1),
)
HABITS = {
    "Warehouse integration": Habit(
        weekday=1_500,
        weekend=220,
        hours=LONG_DAYS,
        callers=(
            DemoCaller("192.0.2.14", "northwind-wms/4.11 (Java/17.0.12)", 86),
            DemoCaller("192.0.2.15", "northwind-wms/4.11 (Java/17.0.12)", 13),
            DemoCaller("192.0.2.140", "PostmanRuntime/7.43.0", 1),
        ),
    ),
    "Handheld scanners (old)": Habit(
        weekday=900,
        weekend=60,
        hours=OFFICE_HOURS,
        callers=(DemoCaller("192.0.2.60", "ScannerApp/2.8 okhttp/4.9.3", 100),),
    ),
    "Route Planner production": Habit(
        weekday=1_100,
        weekend=400,
        hours=LONG_DAYS,
        callers=(
            DemoCaller("198.51.100.20", "python-httpx/0.28.1", 70),
            DemoCaller("198.51.100.21", "python-httpx/0.28.1", 30),
        ),
    ),
    "Customer portal": Habit(
        weekday=2_600,
        weekend=1_900,
        hours=ALL_DAY,
        callers=(
            DemoCaller("198.51.100.80", "axios/1.7.9", 55),
            DemoCaller("198.51.100.81", "axios/1.7.9", 43),
            DemoCaller("203.0.113.90", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", 2),
        ),
    ),
    "Nightly invoice batch": Habit(
        weekday=640,
        weekend=260,
        hours=AT_NIGHT,
        callers=(DemoCaller("192.0.2.33", "python-requests/2.32.3", 100),),
        month_total=18_000,
    ),
    "Load test": Habit(
        weekday=9_000,
        weekend=9_000,
        hours=ALL_DAY,
        callers=(DemoCaller("198.51.100.20", "k6/0.54.0 (https://k6.io/)", 100),),
    ),
    "Broker feed": Habit(
        weekday=240,
        weekend=40,
        hours=OFFICE_HOURS,
        callers=(DemoCaller("203.0.113.51", "Apache-HttpClient/5.3.1 (Java/21)", 100),),
    ),
    CURL_KEY_NAME: Habit(weekday=6, weekend=6, hours=OFFICE_HOURS, callers=(DemoCaller(OFFICE, "curl/8.14.1", 100),)),
}
"""How each key was used, by its name. A key that is not listed was never used."""
REFUSALS = (
    Refusals(
        RefusedReason.DELETED_KEY,
        times=37,
        every=timedelta(days=1),
        last=timedelta(minutes=41),
        ip_address="203.0.113.7",
        user_agent="python-requests/2.32.3",
        key="Handheld scanners (old)",
    ),
    Refusals(
        RefusedReason.REPLACED_SECRET,
        times=12,
        every=timedelta(hours=37),
        last=timedelta(hours=5),
        ip_address="198.51.100.44",
        user_agent="python-httpx/0.27.2",
        key="Route Planner production",
    ),
    Refusals(
        RefusedReason.AGENT_NOT_IN_SCOPE,
        times=6,
        every=timedelta(minutes=17),
        last=timedelta(days=1, hours=4),
        ip_address="203.0.113.51",
        user_agent="Apache-HttpClient/5.3.1 (Java/21)",
        key="Broker feed",
        agent="Route Planner",
    ),
    *(
        Refusals(
            RefusedReason.RATE_LIMITED,
            times=times,
            every=timedelta(milliseconds=400),
            last=last,
            ip_address="198.51.100.80",
            user_agent="axios/1.7.9",
            key="Customer portal",
        )
        for times, last in (
            (42, timedelta(days=16, hours=5)),
            (24, timedelta(days=9, hours=2)),
            (31, timedelta(days=2, hours=3)),
        )
    ),
    Refusals(
        RefusedReason.RATE_LIMITED,
        times=240,
        every=timedelta(milliseconds=250),
        last=timedelta(days=81, hours=2),
        ip_address="198.51.100.20",
        user_agent="k6/0.54.0 (https://k6.io/)",
        key="Load test",
    ),
    Refusals(
        RefusedReason.MISSING_KEY,
        times=4,
        every=timedelta(hours=6),
        last=timedelta(minutes=50),
        ip_address="198.51.100.23",
        user_agent="kube-probe/1.31",
    ),
    Refusals(
        RefusedReason.MALFORMED_KEY,
        times=2,
        every=timedelta(minutes=3),
        last=timedelta(days=1, hours=2),
        ip_address="198.51.100.61",
        user_agent="PostmanRuntime/7.43.0",
        presented="{{api_key}}",
    ),
    Refusals(
        RefusedReason.UNKNOWN_KEY,
        times=3,
        every=timedelta(seconds=11),
        last=timedelta(days=3, hours=1),
        ip_address="198.51.100.77",
        user_agent="curl/8.5.0",
    ),
)
