"""The documentation agrees with the code."""

import json
import re
from pathlib import Path

import pytest
from graphql import OperationDefinitionNode, build_schema, parse, validate
from graphql.execution.values import get_variable_values
from markdown_it import MarkdownIt

from app.doctor.redis_findings import REDIS_VERSION_AT_LEAST
from app.graphql.limits import Limits
from app.graphql.list_sizes import CHARGED_FROM, COMPLEXITY_A_MINUTE
from app.settings import KNOWN, Settings, read_settings
from assistant.facts.documents import slug
from keys.hashing import KEY_PARAMETERS, PASSWORD_PARAMETERS
from keys.key_limit import NAME_LENGTH_AT_MOST
from keys.limits.sliding_window import CELL_MS, WINDOW_SECONDS
from keys.policy import Action, Actor, RoleGrant, Scope, may
from keys.sign_in import throttle
from keys.sign_in.passwords import BYTES_AT_MOST, CHARACTERS_AT_LEAST
from keys.sign_in.sessions import IDLE_AT_MOST, LIFETIME
from keys.token import PATTERN, ServerKeys, mint
from keys.usage.intervals import INTERVALS_AT_MOST
from models.engine.ids import new_id
from models.key_queries import DELETED_LISTED_AT_MOST
from models.organization import DEFAULT_MONTHLY_QUOTA, DEFAULT_RATE_LIMIT
from models.person import Role
from models.support.conversation import KEPT_DAYS as CONVERSATIONS_KEPT_DAYS
from models.support.pasted_key import LOOKED_UP_AT_MOST
from models.usage.caller import KEPT_OF_A_KEY as CALLERS_KEPT
from models.usage.counts import DAYS_KEPT_DAYS, HOURS_KEPT_DAYS
from models.usage.refused_request import KEPT_DAYS as REFUSED_KEPT_DAYS
from models.usage.refused_request import KEPT_OF_A_KEY as REFUSED_KEPT
from models.usage.refused_request import KEPT_WITHOUT_A_KEY
from resolvers.api_keys import OVERLAP_SECONDS_AT_MOST
from resolvers.operator.lookup import LIMIT_AT_MOST
from tests.support.documentation import ROOT, rows, sections, text_of

SOURCES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
OPERATING = "docs/guide/operating.md"
ASSISTANT = "docs/guide/assistant.md"


def test_every_setting_is_in_the_table() -> None:
    """The table lists the settings that the program reads, in its order, with its defaults."""
    table = rows(sections(OPERATING)["Settings"])

    assert [row[0] for row in table] == [f"`{each.name}`" for each in KNOWN]
    for row, each in zip(table, KNOWN, strict=True):
        assert row[1].replace("`", "").startswith(each.default), each.name


def test_a_documented_default_is_what_an_empty_environment_gives() -> None:
    """The default, parsed as a value, is the program's default."""
    plain = {
        each.name: each.default
        for each in KNOWN
        if each.default
        not in {
            "none",
            "http://HOST:PORT",
            "both are read",
            "beside an embedded database",
            "the support address",
            "the issuer's host",
            "Keydesk's own",
        }
    }

    assert len(plain) > 6
    assert read_settings(plain) == Settings(server_keys=None)


def test_the_expression_for_scanners_matches_what_is_issued() -> None:
    """Every key with the usual prefix matches the documented expression, which is the program's own for that prefix."""
    documented = re.search(r"^ {4}(kd_\[.+)$", (ROOT / "docs/guide/keys.md").read_text(), flags=re.MULTILINE)
    assert documented is not None
    server_keys = ServerKeys((b"a server key of thirty-two bytes",))

    issued = mint(server_keys, "kd").token.reveal()

    assert re.fullmatch(documented[1], issued)
    assert documented[1].removeprefix("kd") == PATTERN.partition("}")[2]
    assert f"{len(issued)} characters" in text_of("docs/guide/keys.md")
    assert f"{len(issued)} characters" in text_of("docs/errors.md")


MATRIX = {
    f"{verb} {scope}-level keys": (action, scope)
    for scope in Scope
    for verb, action in {
        "see": Action.SEE_KEY,
        "create": Action.CREATE_KEY,
        "rename": Action.RENAME_KEY,
        "rotate": Action.ROTATE_KEY,
        "delete": Action.DELETE_KEY,
        "read the audit log of": Action.SEE_AUDIT_LOG,
    }.items()
}


def test_the_matrix_of_roles_is_the_table_of_the_program() -> None:
    """Each cell of the documented matrix matches the policy."""
    documented = {row[0]: row[1:] for row in rows(sections("docs/guide/roles.md")["Who may do what"])}

    assert documented == {
        label: [cell(role, action, scope) for role in (Role.ORGANIZATION_ADMIN, Role.AGENT_ADMIN, Role.MEMBER)]
        for label, (action, scope) in MATRIX.items()
    }


def cell(role: Role, action: Action, scope: Scope) -> str:
    """A role's permission for keys of a scope, in the matrix's words."""
    organization_id, own, other = new_id(), new_id(), new_id()
    actor = Actor(new_id(), {organization_id: RoleGrant(role, frozenset({own}))})
    agents = (None,) if scope is Scope.ORGANIZATION else (own, other)
    answers = [may(actor, action, organization_id, scope=scope, agent_id=agent_id) for agent_id in agents]
    return {(True,): "yes", (False,): "no", (True, True): "yes", (True, False): "own agents", (False, False): "no"}[
        tuple(answers)
    ]


LIMITS = Limits()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("docs/guide/keys.md", f"up to a day ({OVERLAP_SECONDS_AT_MOST:,} seconds)"),
        ("docs/guide/keys.md", f"the {DELETED_LISTED_AT_MOST} newest are shown"),
        ("docs/guide/keys.md", f"1 to {NAME_LENGTH_AT_MOST} characters"),
        ("docs/guide/usage.md", f"requests a minute, {DEFAULT_RATE_LIMIT} unless"),
        ("docs/guide/usage.md", f"calendar month in UTC, {DEFAULT_MONTHLY_QUOTA:,} unless"),
        ("docs/guide/usage.md", f"in any {WINDOW_SECONDS - CELL_MS // 1000} seconds"),
        ("docs/guide/usage.md", f"for each hour | {HOURS_KEPT_DAYS} days"),
        ("docs/guide/usage.md", f"for each day | {DAYS_KEPT_DAYS // 365} years"),
        ("docs/guide/usage.md", f"the newest {CALLERS_KEPT} pairs"),
        ("docs/guide/usage.md", f"the newest {REFUSED_KEPT:,} of a key | {REFUSED_KEPT_DAYS} days"),
        ("docs/guide/usage.md", f"The newest {CALLERS_KEPT} callers"),
        ("docs/guide/usage.md", f"of at most {INTERVALS_AT_MOST} intervals"),
        ("docs/errors.md", f"a time of more than {INTERVALS_AT_MOST} intervals"),
        ("docs/guide/graphql.md", f"at most {LIMITS.body_bytes // 1024} KB (413 beyond), {LIMITS.tokens:,} tokens"),
        ("docs/guide/graphql.md", f"a depth of {LIMITS.depth_levels}, {LIMITS.aliases} aliases"),
        (
            "docs/guide/graphql.md",
            f"at most {Settings(server_keys=None).mutations_per_minute} changes of keys",
        ),
        ("docs/guide/graphql.md", f"a complexity of {LIMITS.complexity_fields:,};"),
        ("docs/guide/graphql.md", f"{COMPLEXITY_A_MINUTE:,} a minute, where requests below {CHARGED_FROM:,} are"),
        ("docs/guide/graphql.md", f"after {IDLE_AT_MOST.seconds // 3600} hours without a request"),
        ("docs/guide/graphql.md", f"after {LIFETIME.days} days"),
        (OPERATING, f"A limit is 1 to {LIMIT_AT_MOST}."),
        (OPERATING, f"Redis {REDIS_VERSION_AT_LEAST} or newer, or Valkey"),
        (OPERATING, f"for each hour | {HOURS_KEPT_DAYS} days"),
        (OPERATING, f"for each day | {DAYS_KEPT_DAYS // 365} years"),
        (OPERATING, f"address and user agent | the newest {CALLERS_KEPT} |"),
        (OPERATING, f"{REFUSED_KEPT_DAYS} days, at most the newest {REFUSED_KEPT:,} |"),
        (OPERATING, f"{REFUSED_KEPT_DAYS} days, at most the newest {KEPT_WITHOUT_A_KEY:,} |"),
        (OPERATING, f"at least {CHARACTERS_AT_LEAST} characters and at most {BYTES_AT_MOST:,} bytes"),
        (OPERATING, f"{PASSWORD_PARAMETERS.memory_kib // 1024} MiB, {PASSWORD_PARAMETERS.time_cost} passes"),
        (OPERATING, f"within {throttle.WINDOW.seconds // 60} minutes"),
        (OPERATING, f"| an account from one address | {throttle.PER_ACCOUNT_AND_ADDRESS} |"),
        (OPERATING, f"| one address, whatever the account | {throttle.PER_ADDRESS} |"),
        (OPERATING, f"was not signed in on before | {throttle.PER_ACCOUNT} |"),
        (OPERATING, f"was signed in on before | {throttle.PER_DEVICE}, and none of the above count |"),
        (OPERATING, f"redacted | {CONVERSATIONS_KEPT_DAYS} days after"),
        (ASSISTANT, f"redacted, for {CONVERSATIONS_KEPT_DAYS} days"),
        (ASSISTANT, f"at most {LOOKED_UP_AT_MOST} different pasted keys"),
        (
            "docs/decisions/tag-digest-argon2.md",
            f"time cost {KEY_PARAMETERS.time_cost}, {KEY_PARAMETERS.memory_kib // 1024} MiB, "
            f"parallelism {KEY_PARAMETERS.parallelism}",
        ),
        (
            "docs/decisions/tag-digest-argon2.md",
            f"time cost {PASSWORD_PARAMETERS.time_cost}, {PASSWORD_PARAMETERS.memory_kib // 1024} MiB, "
            f"parallelism {PASSWORD_PARAMETERS.parallelism}",
        ),
    ],
)
def test_documented_numbers_are_the_programs(name: str, words: str) -> None:
    """A number in the documentation is the number in the code."""
    assert words in text_of(name)


@pytest.mark.parametrize(
    ("name", "examples"), [("README.md", 3), ("docs/guide/graphql.md", 11), ("docs/guide/tokens.md", 1)]
)
def test_every_graphql_example_fits_the_schema(name: str, examples: int) -> None:
    """The document and the variables of each example are valid, so that readers can copy them."""
    schema = build_schema((ROOT / "schema" / "schema.graphql").read_text())

    bodies = re.findall(r"-d '(\{.*?\})'\n", (ROOT / name).read_text(encoding="utf-8"), flags=re.DOTALL)

    assert len(bodies) == examples
    for body in map(json.loads, bodies):
        document = parse(body["query"])
        (operation,) = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
        assert validate(schema, document) == []
        assert not isinstance(
            get_variable_values(schema, operation.variable_definitions or (), body["variables"]), list
        )


def test_the_readme_opens_with_what_keydesk_is() -> None:
    """The first paragraph says what Keydesk is; both commands are on the first screen, the layers further down."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = text.splitlines()

    assert lines[0] == "# Keydesk"
    assert lines[2].startswith("Keydesk is ")
    assert {"make run", "make test"} <= {line.partition("  ")[0] for line in lines[:12]}
    assert (
        "**decide in `keys`, do in `resolvers`, keep in `models`, show in `schema`, explain in `assistant`, "
        "wire in `app`.**"
    ) in text_of("README.md")


def test_the_readme_sends_nobody_to_a_file_that_is_not_there() -> None:
    """Each path in the table of where to change things exists in the checkout."""
    paths = [
        path
        for _, where in rows(sections("README.md")["Where do I change …?"])
        for path in re.findall(r"`([^` ]+)`", where)
    ]

    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_files_are_whole(source: Path) -> None:
    """A link to another file names an existing file, and an existing heading."""
    tokens = MarkdownIt("commonmark").enable("table").parse(source.read_text(encoding="utf-8"))
    links = [str(child.attrGet("href")) for token in tokens for child in token.children or () if child.tag == "a"]
    local = [link for link in links if link != "None" and not re.match(r"[a-z]+:", link)]

    broken = []
    for target, _, anchor in (link.partition("#") for link in local):
        path = source.parent / target if target else source
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(f"{target}#{anchor}")
    assert broken == []


def anchors(path: Path) -> set[str]:
    """The anchors of a file's headings."""
    taken: dict[str, int] = {}
    return {slug(words, taken) for words in re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)}


@pytest.mark.parametrize("folder", ["guide", "decisions"])
def test_every_page_is_in_its_table_of_contents(folder: str) -> None:
    """Readers find a page only by a link."""
    contents = (ROOT / "docs" / ("README.md" if folder == "guide" else "decisions/README.md")).read_text()
    pages = {path.name for path in (ROOT / "docs" / folder).glob("*.md")} - {"README.md"}

    assert pages
    assert {name for name in pages if f"{name})" not in contents} == set()
