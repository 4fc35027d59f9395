"""Measures how well messages outside the training data are understood: `make evaluate`."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from assistant.intents.topics import Topic, served_together
from assistant.intents.understand import is_likely, is_sure
from training.corpus import Said
from training.held_out import HeldOut, sets
from training.in_worlds import Conversed, in_worlds, understood_once
from training.worlds import WORLDS

OFFERED = 3
"""The number of readings that the assistant offers when it asks what a message means, and beside a tentative answer."""
_HEAD = "| | Messages | Right at once | Within a click | Sure | Wrong when sure | Asked back |"
_RULE = "|---|---|---|---|---|---|---|"
_One = TypeVar("_One", "Judged", Conversed)


class Judged(NamedTuple):
    """The result for one message by its words alone."""

    said: Said
    first: Topic
    is_sure: bool
    is_asked_back: bool
    is_right: bool
    """Whether the message is answered, and the first reading has the same answer as a right one."""
    is_offered: bool
    """Whether a right reading is among those that are offered to choose from."""

    @property
    def is_within_a_click(self) -> bool:
        """Whether the right answer is given at once, or offered as a reply to click on."""
        return self.is_right or self.is_offered


def judged(said: Said) -> Judged:
    """Compares what is understood of a message with what it is about."""
    readings = understood_once(said.text).readings
    first, sure, likely = readings[0].topic, is_sure(readings), is_likely(readings)
    others = [reading.topic for reading in readings if reading.topic not in served_together(first)]
    offered = [] if sure else others[:OFFERED] if likely else [reading.topic for reading in readings[:OFFERED]]
    return Judged(
        said,
        first,
        sure,
        not likely,
        likely and not served_together(first).isdisjoint(said.topics),
        any(topic in said.topics for topic in offered),
    )


def _row(name: str, of_it: Sequence[_One]) -> str:
    def share(which: Callable[[_One], bool]) -> str:
        return f"{sum(map(which, of_it)) / max(1, len(of_it)):.0%}"

    sure = [each for each in of_it if each.is_sure]
    cells = (
        name,
        str(len(of_it)),
        share(lambda each: each.is_right),
        share(lambda each: each.is_within_a_click),
        share(lambda each: each.is_sure),
        f"{sum(not each.is_right for each in sure)} of {len(sure)}",
        share(lambda each: each.is_asked_back),
    )
    return f"| {' | '.join(cells)} |"


def _rows_by_language(of_it: Sequence[_One]) -> Iterable[str]:
    languages = sorted(
        {each.said.language for each in of_it},
        key=lambda language: (-sum(each.said.language == language for each in of_it), language),
    )
    return (_row(language, [each for each in of_it if each.said.language == language]) for language in languages)


def table(all_of_it: Sequence[Judged]) -> str:
    """A Markdown table of the words alone, with a row for each language, and one for all messages."""
    return "\n".join([_HEAD, _RULE, *_rows_by_language(all_of_it), _row("all", all_of_it)])


def table_of_worlds(all_of_it: Sequence[Conversed]) -> str:
    """A Markdown table with rows for each world, for each language, and for all messages."""
    rows = [_HEAD, _RULE]
    for world in WORLDS:
        here = [each for each in all_of_it if each.world is world]
        rows.append(_row(f"{world.name}: about that", [each for each in here if each.is_of_the_matter]))
        rows.append(_row("…: about anything else", [each for each in here if not each.is_of_the_matter]))
    rows += _rows_by_language(all_of_it)
    rows.append(_row("about what is the matter", [each for each in all_of_it if each.is_of_the_matter]))
    return "\n".join([*rows, _row("all", all_of_it)])


def tables(messages: Sequence[HeldOut]) -> tuple[str, str]:
    """Both tables of these messages: by the words alone, and in the worlds."""
    return table([judged(each.said) for each in messages]), table_of_worlds(list(in_worlds(messages)))


def main() -> None:
    """
    Prints the tables of each set, and the topics of messages that were surely and wrongly answered.

    Their texts are not printed, so that nobody adjusts the training data to them.
    """
    for name, messages in sets().items():
        by_words, by_world = tables(messages)
        print(f"## {name}\n\nBy the words alone:\n\n{by_words}\n\nIn the worlds:\n\n{by_world}\n")
        for each in map(judged, (held.said for held in messages)):
            if each.is_sure and not each.is_right:
                print(f"Taken for {each.first}: {' or '.join(each.said.topics)} ({each.said.language})")
        print()


if __name__ == "__main__":
    main()
