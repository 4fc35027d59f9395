"""The rules of the architecture: imports, what each layer may use, and the promises of the schema to its clients."""

import ast
import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    build_schema,
    is_required_argument,
    is_required_input_field,
    is_specified_scalar_type,
)
from graphql.utilities import find_breaking_changes

from schema import schema
from tests.support.faults_in_ci import TESTS
from tests.support.same_on_every_database import FILES, FOLDER

ROOT = Path(__file__).parent.parent
LINE = ("app", "schema", "resolvers", "assistant", "keys", "models")
"""Each folder may import those to its right."""
MODULES_AT_MOST = 21


def sources(*folders: str) -> list[Path]:
    """The Python files of these folders."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found
    return found


def imports(tree: ast.AST) -> Iterator[str]:
    """The dotted names of all imports in the tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def imported_roots(path: Path) -> set[str]:
    """The top-level names that a file imports; a relative import begins with a dot."""
    return {name if name.startswith(".") else name.partition(".")[0] for name in imports(ast.parse(path.read_text()))}


@pytest.mark.parametrize("folder", LINE)
def test_imports_run_one_way(folder: str) -> None:
    """A folder imports itself and folders to its right on the line, and nothing to its left."""
    to_the_left = set(LINE[: LINE.index(folder)])

    wrong = {path.relative_to(ROOT): imported_roots(path) & to_the_left for path in sources(folder)}

    assert {path: names for path, names in wrong.items() if names} == {}


def test_nothing_is_imported_by_a_relative_name() -> None:
    """Every import names its layer."""
    relative = {
        path.relative_to(ROOT) for path in sources(*LINE) if any(name.startswith(".") for name in imported_roots(path))
    }

    assert relative == set()


def test_nothing_of_ours_is_imported_inside_a_function() -> None:
    """No import cycle is patched over: imports of our modules are at the top of a module."""
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources(*LINE, "tests")
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for name in imports(function)
        if name.partition(".")[0] in {*LINE, "tests", ""}
    ]

    assert wrong == []


def test_strawberry_is_imported_only_in_schema_and_app() -> None:
    """The layers below do not depend on GraphQL."""
    knowing = {path.relative_to(ROOT).parts[0] for path in sources(*LINE) if "strawberry" in imported_roots(path)}

    assert knowing <= {"app", "schema"}
    assert "schema" in knowing


def test_the_web_server_is_imported_only_in_app() -> None:
    """Litestar is imported only in `app` and in schema/context.py."""
    knowing = {str(path.relative_to(ROOT)) for path in sources(*LINE) if "litestar" in imported_roots(path)}

    assert {name for name in knowing if not name.startswith("app/")} <= {"schema/context.py"}
    assert knowing


def test_one_place_commits() -> None:
    """Only `Database.transaction()` commits a transaction."""
    committing = [
        str(path.relative_to(ROOT))
        for path in sources(*LINE)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]

    assert committing == ["models/engine/database.py"]


def test_every_module_has_a_docstring() -> None:
    """A module with code in it starts with a docstring."""
    silent = [
        str(path.relative_to(ROOT))
        for path in sources(*LINE)
        if (tree := ast.parse(path.read_text())).body and not ast.get_docstring(tree)
    ]

    assert silent == []


def test_importing_does_no_work() -> None:
    """Importing every module opens no database and no connection, starts no program and writes no file."""
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sources(*LINE)
        if "versions" not in path.parts and path.name not in {"env.py", "__main__.py"}
    ]
    program = (
        "import importlib, sys\n"
        "work = {'sqlite3.connect', 'socket.connect', 'socket.bind', 'subprocess.Popen', 'os.mkdir', 'os.remove'}\n"
        "def watch(event, arguments):\n"
        "    wrote = event == 'open' and set(str(arguments[1] or '')) & set('wax+')\n"
        "    if event in work or wrote:\n"
        "        raise SystemExit(f'{event}: {arguments}')\n"
        "sys.addaudithook(watch)\n"
        "for module in sys.argv[1:]:\n"
        "    importlib.import_module(module)\n"
    )

    done = subprocess.run(
        [sys.executable, "-B", "-c", program, *modules], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("folder", [*LINE, "tests/support"])
def test_no_folder_is_crowded(folder: str) -> None:
    """A newcomer can read a folder's list of files: about twenty modules at most."""
    modules = Counter(str(path.parent.relative_to(ROOT)) for path in sources(folder) if path.name != "__init__.py")
    most = {"models/migrations/versions": math.inf}

    assert {place: count for place, count in modules.items() if count > most.get(place, MODULES_AT_MOST)} == {}


def test_the_tests_mirror_the_source() -> None:
    """The tests of a folder are in the folder of the same name below tests/."""
    elsewhere = {"support", "end_to_end", "faults", "docs", "training", "data"}
    tests = ROOT / "tests"
    folders = {path.parent.relative_to(tests) for path in tests.glob("*/**/test_*.py")}

    mirrored = [folder for folder in folders if folder.parts[0] not in elsewhere]
    assert len(mirrored) > 20
    assert [str(folder) for folder in mirrored if not (ROOT / folder).is_dir()] == []


@pytest.fixture(scope="module")
def ours() -> GraphQLSchema:
    """The schema in schema/schema.graphql."""
    return build_schema((ROOT / "schema" / "schema.graphql").read_text())


@pytest.fixture(scope="module")
def promised() -> GraphQLSchema:
    """The promised schema."""
    return build_schema((ROOT / "tests" / "contract.graphql").read_text())


def test_the_printed_schema_is_the_code() -> None:
    """The file is what the code prints; CONTRIBUTING says how to print it again."""
    kept = (ROOT / "schema" / "schema.graphql").read_text()

    assert kept == schema.as_str() + "\n"


def test_nothing_promised_is_broken(ours: GraphQLSchema, promised: GraphQLSchema) -> None:
    """Every document that is valid against the contract is valid against our schema."""
    assert [change.description for change in find_breaking_changes(promised, ours)] == []


def test_every_promised_type_is_there_as_promised(ours: GraphQLSchema, promised: GraphQLSchema) -> None:
    """Every field, argument, default, enum value and nullability of the contract is the same in our schema."""
    differences = [
        difference
        for name, wanted in promised.type_map.items()
        if not name.startswith("__") and not is_specified_scalar_type(wanted)
        for difference in type_differences(name, wanted, ours.type_map.get(name))
    ]

    assert differences == []


def test_every_refusal_of_a_union_has_message_and_code(ours: GraphQLSchema) -> None:
    """Every member of a union with a message in words implements Refusal, and its code is its name."""
    members = {member for each in ours.type_map.values() if isinstance(each, GraphQLUnionType) for member in each.types}
    refusals = {
        member.name: member
        for member in members
        if "message" in member.fields and str(member.fields["message"].type) == "String!"
    }

    assert {"InvalidInput", "ApiKeyNotFound", "AgentNotFound", "AlreadyMember"} <= refusals.keys()
    for name, refusal in refusals.items():
        defined: Any = schema.get_type_by_name(name)
        assert [each.name for each in refusal.interfaces] == ["Refusal"], name
        assert defined.origin.code == re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()


def type_differences(name: str, wanted: GraphQLNamedType, found: GraphQLNamedType | None) -> Iterator[str]:
    """Parts of a promised type that ours lacks or changes. Ours may have more, but no more required input."""
    if type(wanted) is not type(found):
        yield f"{name} is {type(found).__name__}"
    elif isinstance(wanted, GraphQLEnumType) and isinstance(found, GraphQLEnumType):
        yield from (f"{name}.{value}" for value in wanted.values.keys() - found.values.keys())
    elif isinstance(wanted, GraphQLUnionType) and isinstance(found, GraphQLUnionType):
        yield from (f"{name}: {each}" for each in {str(t) for t in wanted.types} ^ {str(t) for t in found.types})
    elif isinstance(wanted, GraphQLInputObjectType) and isinstance(found, GraphQLInputObjectType):
        yield from input_differences(name, wanted, found)
    elif isinstance(wanted, GraphQLObjectType) and isinstance(found, GraphQLObjectType):
        for field_name, field in wanted.fields.items():
            yield from field_differences(f"{name}.{field_name}", field, found.fields.get(field_name))


def input_differences(name: str, wanted: GraphQLInputObjectType, found: GraphQLInputObjectType) -> Iterator[str]:
    """Differences between the fields of an input."""
    for field_name, field in wanted.fields.items():
        ours = found.fields.get(field_name)
        if ours is None or (str(ours.type), default(ours)) != (str(field.type), default(field)):
            yield f"{name}.{field_name}"
    for field_name in found.fields.keys() - wanted.fields.keys():
        if is_required_input_field(found.fields[field_name]):
            yield f"{name}.{field_name} must be sent"


def field_differences(name: str, wanted: GraphQLField, found: GraphQLField | None) -> Iterator[str]:
    """Differences between a field and its arguments."""
    if found is None or str(found.type) != str(wanted.type):
        yield f"{name}: {found and found.type}"
        return
    for argument_name, argument in wanted.args.items():
        ours = found.args.get(argument_name)
        if ours is None or (str(ours.type), default(ours)) != (str(argument.type), default(argument)):
            yield f"{name}({argument_name}:)"
    for argument_name in found.args.keys() - wanted.args.keys():
        if is_required_argument(found.args[argument_name]):
            yield f"{name}({argument_name}:) must be sent"


def default(argument: object) -> object:
    """A default as far as clients notice it: leaving out a nullable value is the same as sending null."""
    value = getattr(argument, "default_value", Undefined)
    return None if value is Undefined else value


def test_tests_that_run_on_sqlite_only_exist() -> None:
    """The list names files and tests that are there."""
    for name in FILES:
        path, _, test = name.partition("::")
        assert f"def {test}" in (FOLDER / path).read_text(encoding="utf-8"), name


def test_tests_of_faults_that_run_in_ci_exist() -> None:
    """The list names tests that are there, with values of their parameters."""
    for name in TESTS:
        path, _, test = name.partition("::")
        test, _, values = test.removesuffix("]").partition("[")
        source = (FOLDER / "faults" / path).read_text(encoding="utf-8")
        assert f"def {test}(" in source, name
        assert all(re.search(rf"\b{value}\b", source) for value in values.split("-") if value), name
