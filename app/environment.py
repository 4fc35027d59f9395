"""Collects the KEYDESK_ variables from the environment or from files, and reports names and values that look wrong."""

import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

PREFIX = "KEYDESK_"
FILE = "_FILE"
FILE_BYTES_AT_MOST = 65_536
QUOTES = ('""', "''", "``", "“”", "‘’", "„“", "«»")
OF_OTHERS = frozenset({"KEYDESK_KEY", "KEYDESK_API_KEY", "KEYDESK_SERVER", "KEYDESK_SCREENSHOTS"})
"""Variables that the documentation's examples use for callers of Keydesk, and that a test uses. Not settings."""
OF_TESTS = "KEYDESK_TEST_"
OF_SERVE = {"KEYDESK_HOST": "--host", "KEYDESK_PORT": "--port", "KEYDESK_WORKERS": "--workers"}
_KUBERNETES = re.compile(r".+_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
_KUBERNETES_PORT = re.compile(r"(tcp|udp|sctp)://.+")
"""Kubernetes sets these in every container for a Service that is called keydesk or keydesk-redis."""
SYNONYMS = {
    **dict.fromkeys(("POSTGRES", "POSTGRESQL", "PG", "SQL", "SQLITE"), "DATABASE"),
    **dict.fromkeys(("URI", "DSN", "ADDRESS"), "URL"),
    "VALKEY": "REDIS",
    "PROXY": "PROXIES",
    "CORS": "ALLOWED",
}
"""Other words for the words in the names of settings."""
TYPING_ERRORS_AT_MOST = 2
SUGGESTED_FROM_PERCENT = 60


@dataclass(slots=True)
class Gathered:
    """The values by the setting's name, problems, which prevent the start, and warnings."""

    values: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    """The variable that each value came from, for messages. It may end in _FILE."""
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def gathered(environment: Mapping[str, str], names: Sequence[str], *, secret: Collection[str]) -> Gathered:
    """
    Collects the values of the settings with these names. Empty values count as absent.

    An unknown name prevents the start if it is close to the name of a setting: `KEYDESK_REQUIRE_AGNET=true` would
    otherwise have no effect without anybody noticing. Any other unknown name only gets a warning, because it may belong
    to a newer version or to another program.
    """
    found = Gathered()
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    for name in names:
        _gather(found, name, given, is_secret=name in secret)
    for name, value in sorted(given.items()):
        if name.upper().startswith(PREFIX) or _is_almost(name, names):
            _gather_unknown(found, name, value, names)
    return found


def _gather_unknown(found: Gathered, name: str, value: str, known: Sequence[str]) -> None:
    if name in known or name.removesuffix(FILE) in known or _is_of_others(name, value):
        return
    shown = name[:60]
    if (meant := meant_by(name, known)) is not None:
        found.problems.append(f"{shown}: this setting does not exist. Did you mean {meant}? Rename it, or remove it.")
    elif name in OF_SERVE:
        found.warnings.append(f"{shown}: this setting does not exist. Use `keydesk serve {OF_SERVE[name]} …` instead.")
    else:
        rest = [each.removeprefix(PREFIX) for each in known]  # the common prefix would make all names look similar
        own = name.upper().removesuffix(FILE).removeprefix(PREFIX)
        like = process.extractOne(own, rest, scorer=fuzz.ratio, score_cutoff=SUGGESTED_FROM_PERCENT)
        guess = "" if like is None else f" Did you mean {PREFIX}{like[0]}?"
        found.warnings.append(f"{shown}: this setting does not exist, so it is ignored.{guess}")


def meant_by(name: str, known: Sequence[str]) -> str | None:
    """The setting whose name was misspelled, abbreviated or replaced by a synonym, or None."""
    if name.upper().endswith(FILE) and (meant := meant_by(name[: -len(FILE)], known)) is not None:
        return meant + FILE
    for each in known:
        if _is_almost(name, [each]) or _words_mean(_words(name), _words(each)):
            return each
        if _is_almost(name, [each + FILE]):
            return each + FILE
    return None


def _is_almost(name: str, known: Iterable[str]) -> bool:
    """Whether the name differs from a known one by at most two typing errors, or one for short names."""
    upper = name.upper().replace("-", "_")
    for each in known:
        at_most = TYPING_ERRORS_AT_MOST if len(each) - len(PREFIX) > 4 else 1
        if abs(len(upper) - len(each)) <= at_most and OSA.distance(upper, each, score_cutoff=at_most) <= at_most:
            return True
    return False


def _words(name: str) -> list[str]:
    words = [word for word in name.upper().removeprefix(PREFIX).replace("-", "_").split("_") if word]
    return [SYNONYMS.get(word, word) for word in words]


def _words_mean(given: list[str], known: list[str]) -> bool:
    """Whether the given words are the first known words or abbreviations of them: DB_URL stands for DATABASE_URL."""
    return 0 < len(given) <= len(known) and all(map(_is_short_for, given, known))


def _is_short_for(short: str, word: str) -> bool:
    letters = iter(word)
    return len(short) >= 2 and short[0] == word[0] and all(letter in letters for letter in short)


def _is_of_others(name: str, value: str) -> bool:
    is_kubernetes = _KUBERNETES.fullmatch(name) or (name.endswith("_PORT") and _KUBERNETES_PORT.fullmatch(value))
    return name in OF_OTHERS or name.startswith(OF_TESTS) or bool(is_kubernetes)


def _gather(found: Gathered, name: str, given: Mapping[str, str], *, is_secret: bool) -> None:
    in_file, value, source = given.get(name + FILE), given.get(name), name
    if in_file is not None and value is not None:
        found.problems.append(f"{name}: {name}{FILE} is set, too. Keep one of the two.")
        return
    if in_file is not None:
        source = name + FILE
        try:
            value = _read(Path(in_file))
            if is_secret:
                found.warnings.extend(f"{source}: {words}" for words in _shown_to_others(Path(in_file)))
        except (_UnusableFile, OSError, ValueError) as error:
            why = str(error) if isinstance(error, _UnusableFile) else getattr(error, "strerror", None) or "bad path"
            found.problems.append(
                f"{source}: the file from which {name} is read can't be used: {why}. "
                "Check the path, the file and its permissions."
            )
            return
    if value is None:
        return
    if (fault := _fault(name, value)) is None:
        found.values[name], found.sources[name] = value, source
    else:
        found.problems.append(f"{source}: {fault}")


class _UnusableFile(Exception):
    pass


def _read(path: Path) -> str:
    """
    The text of a regular file, without white space around it.

    A pipe is refused, because it would be empty for the next process that reads it.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise _UnusableFile("it is not a regular file")
    with path.open("rb") as file:
        content = file.read(FILE_BYTES_AT_MOST + 1)
    if len(content) > FILE_BYTES_AT_MOST:
        raise _UnusableFile(f"it is longer than {FILE_BYTES_AT_MOST} bytes")
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise _UnusableFile("it is not text in UTF-8") from None
    if not text:
        raise _UnusableFile("it is empty")
    return text


def _shown_to_others(path: Path) -> Iterator[str]:
    mode = path.stat().st_mode
    if mode & stat.S_IROTH:
        yield ("every user of this machine can read the file. If the machine has other users, run chmod o= on it.")


def _fault(name: str, value: str) -> str | None:
    """What is wrong with a value of any setting, such as quotes around it, or None."""
    if any("\ud800" <= character <= "\udfff" for character in value):
        return "it is not text in UTF-8."
    if "\n" in value or "\r" in value or "\0" in value:
        return "it has several lines. Write the value in one line."
    if value.startswith(f"{name}="):
        return f"it begins with its own name. Remove {name}= from the value."
    if any(_is_quoted(part.strip()) for part in [value, *value.split(",")]):
        return (
            "there are quotes around the value, or around a part of it. Leave them out: docker --env-file and other "
            "readers of such files take them as part of the value."
        )
    return None


def _is_quoted(text: str) -> bool:
    return len(text) >= 2 and text[0] + text[-1] in QUOTES
