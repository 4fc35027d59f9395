"""The console's folders: `app` over the features, the features over `shared`, and no import cycle."""

import os
import re
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "console" / "src"
IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*['"](\.{1,2}/[^'"]+)['"]""")


def imports() -> dict[Path, set[Path]]:
    """The modules of the console, each with the modules of ours that it imports."""
    modules = {path for path in SOURCE.rglob("*") if path.suffix in {".ts", ".tsx"}}
    return {path: {found for name in named(path) if (found := resolved(path, name, modules))} for path in modules}


def named(path: Path) -> list[str]:
    """The relative names that a module imports."""
    return IMPORT.findall(path.read_text(encoding="utf-8"))


def resolved(path: Path, name: str, modules: set[Path]) -> Path | None:
    """The module of that name; None for a style sheet or a picture."""
    there = Path(os.path.normpath(path.parent / name))
    return next((each for end in ("", ".ts", ".tsx") if (each := Path(f"{there}{end}")) in modules), None)


def folder(path: Path) -> str:
    """The folder below src/, or the file's name if it is in none."""
    return path.relative_to(SOURCE).parts[0]


def shown(path: Path) -> str:
    """Its name below src/."""
    return path.relative_to(SOURCE).as_posix()


def test_shared_imports_no_feature() -> None:
    """Every feature may import `shared`, so `shared` can import neither a feature nor the shell."""
    wrong = [
        (shown(path), shown(each))
        for path, found in imports().items()
        for each in found
        if folder(path) == "shared" and folder(each) != "shared"
    ]

    assert wrong == []
    assert sum(folder(path) == "shared" for path in imports()) > 15


def test_no_feature_imports_the_shell() -> None:
    """`app` combines the features; `main.tsx` starts it."""
    wrong = [
        (shown(path), shown(each))
        for path, found in imports().items()
        for each in found
        if folder(path) not in {"app", "main.tsx"} and folder(each) == "app"
    ]

    assert wrong == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Modules that import each other can't be read, or tested, one at a time."""
    left = imports()
    while ends := {path for path, found in left.items() if not found & left.keys()}:
        left = {path: found for path, found in left.items() if path not in ends}

    assert sorted(map(shown, left)) == []
