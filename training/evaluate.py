"""Measures how well messages outside the training data are understood: `make evaluate`."""

from collections.abc import Sequence
from typing import NamedTuple

from assistant.intents.topics import served_together
from assistant.intents.understand import Topic, is_sure, understand
from training.corpus import Said, held_out
from training.in_worlds import in_worlds
from training.in_worlds import table as table_of_worlds

OFFERED = 3
"""The number of readings that the assistant offers when it asks what a message means."""


class Judged(NamedTuple):
    """The result for one message."""

    said: Said
    first: Topic
    is_direct: bool
    is_first_right: bool
    is_answer_right: bool
    """Whether the first reading has the same answer as a right one."""
    is_offered: bool
    """Whether a right reading is among those that would be offered."""
    is_language_right: bool

    @property
    def is_within_a_click(self) -> bool:
        """Whether the right answer is given at once, or offered as a reply to click on."""
        return self.is_answer_right if self.is_direct else self.is_offered


def judged(said: Said) -> Judged:
    """Compares what is understood of a message with what it is about."""
    understood = understand(said.text)
    first, *_ = offered = [reading.topic for reading in understood.readings[:OFFERED]]
    return Judged(
        said,
        first,
        is_sure(understood.readings),
        first in said.topics,
        not served_together(first).isdisjoint(said.topics),
        any(topic in said.topics for topic in offered),
        understood.language == said.language,
    )


def _row(name: str, of_it: Sequence[Judged]) -> str:
    direct = [each for each in of_it if each.is_direct]
    counts = (
        sum(each.is_first_right for each in of_it),
        sum(each.is_answer_right for each in of_it),
        sum(each.is_offered for each in of_it),
        sum(each.is_within_a_click for each in of_it),
        len(direct),
    )
    shares = [f"{count / len(of_it):.0%}" for count in counts]
    wrong = sum(not each.is_answer_right for each in direct)
    language = f"{sum(each.is_language_right for each in of_it) / len(of_it):.0%}"
    return f"| {' | '.join([name, str(len(of_it)), *shares, f'{wrong} of {len(direct)}', language])} |"


def table(all_of_it: Sequence[Judged]) -> str:
    """A Markdown table with a row for each language, and one for all messages."""
    languages = sorted(
        {each.said.language for each in all_of_it},
        key=lambda language: (-sum(each.said.language == language for each in all_of_it), language),
    )
    rows = [
        "| | Messages | Top 1 | Right answer | Top 3 | Within a click | Direct | Wrong when direct | Language |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_row(language, [each for each in all_of_it if each.said.language == language]) for language in languages),
        _row("all", all_of_it),
    ]
    return "\n".join(rows)


def main() -> None:
    """
    Prints the tables, and the topics of messages that were answered directly and wrongly.

    Their texts are not printed, so that nobody adjusts the training data to them.
    """
    messages = held_out()
    all_of_it = [judged(said) for said in messages]
    print(f"{table(all_of_it)}\n\n{table_of_worlds(list(in_worlds(messages)))}")
    for each in all_of_it:
        if each.is_direct and not each.is_answer_right:
            print(f"\nTaken for {each.first}: {' or '.join(each.said.topics)} ({each.said.language})", end="")
    print()


if __name__ == "__main__":
    main()
