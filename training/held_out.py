"""The messages that only judge: nothing is learned from them, and nobody who works on the phrases reads them."""

from typing import NamedTuple

from assistant.intents.topics import Topic
from training.corpus import ROOT, Said, held_out

WITH_WORLDS = ROOT / "tests" / "data" / "held_out_2026.tsv"


class HeldOut(NamedTuple):
    """A message that judges, and the id of the world in which its writer is. Empty if that may be any world."""

    said: Said
    world: str = ""


def sets() -> dict[str, list[HeldOut]]:
    """The sets of messages by their names."""
    found = {"Sentences and short messages": [HeldOut(said) for said in held_out()]}
    if WITH_WORLDS.exists():
        found["Whole messages of 2026"] = list(_with_worlds())
    return found


def _with_worlds() -> list[HeldOut]:
    read = []
    for line in WITH_WORLDS.read_text(encoding="utf-8").rstrip("\n").split("\n"):
        topics, causes, world, language, source, text = line.split("\t")
        told = tuple(causes.split("|")) if causes else ()
        said = Said(
            tuple(map(Topic, topics.split("|"))), language, source, text.replace("\\n", "\n"), told, is_whole=True
        )
        read.append(HeldOut(said, world))
    return read
