"""
Measures how long redaction takes for the longest messages, made of the most expensive parts, repeated or combined at
random.

    python -m benchmarks.redaction [--seconds 60] [--seed 1]

Prints the slowest texts of 4,000 characters, each with the shortest of three measurements of processor time.
"""

import argparse
import time
from random import Random

from assistant.redaction.redact import LENGTH_AT_MOST, redact

PREFIXES = ("kd", "old")
PARTS = (
    *("A1", "a b ", "6b 64 ", "107, 100, 95, ", "0x6b,", "01101011 ", "153 144 ", "'k', 'd', ", "k-d-_-", "kd_S1vv"),
    *("a2RfMDEyMzQ1Njc4OWFiY2RlZl8w", "NNSF6MBRGIZTINJW", "Yh+(~ba`_#H8oChL2Phm", "%2541", "&#107;", "\\u006b", "=6B"),
    *("00000010: 7230 7a5f 4358 6d49 3464 4566 3665 416d  r0z_CXmI4dEf6eAm\n", "0000000 042510 000403 000024\n"),
    *("12: aB3dE6gH9jK2mN5p\n", "part 1: Xy12\n", "| 1 | aB3dE | ok |\n", "> aB3\n", '"aB3d" +\n', "key += 'aB3d';\n"),
    *(
        "-u a:b ",
        "password=hunter2 ",
        "Basic dXNlcjpwYXNz ",
        "https://a:b@c/ ",
        "--password x1y2z3 ",
        "mysql -u a -pb\n",
    ),
    *(
        "Passwort: geheim1 ",
        "cookie: a=b\n",
        "-----BEGIN PRIVATE KEY-----",
        "eyJaaaaaa.",
        "sk-ant-a1",
        "AKIA",
        ":",
        "@",
    ),
    *("\u200b", "\U0001f511", "é", "\n", " ", "_", "-", '"', "\\", "%", "1", "f", "kd_0123456789abcdef_"),
)


def seconds_of(text: str) -> float:
    """The processor time of redacting the text, in seconds: the shortest of three measurements."""
    taken = []
    for _ in range(3):
        started = time.process_time()
        redact(text, PREFIXES)
        taken.append(time.process_time() - started)
    return min(taken)


def main() -> None:
    """Measures texts until the time is over, and prints the slowest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random, until = Random(arguments.seed), time.monotonic() + arguments.seconds
    measured = {part: seconds_of((part * LENGTH_AT_MOST)[:LENGTH_AT_MOST]) for part in PARTS}
    while time.monotonic() < until:
        some = [random.choice(PARTS) for _ in range(random.randint(2, 6))]
        part = "".join(random.choice(some) for _ in range(random.randint(2, 60)))
        measured[part] = seconds_of((part * LENGTH_AT_MOST)[:LENGTH_AT_MOST])
    slowest = sorted(measured.items(), key=lambda each: -each[1])
    print("| milliseconds | repeated to 4,000 characters |\n|---:|---|")
    for part, seconds in slowest[:12]:
        print(f"| {seconds * 1000:.1f} | {part[:70]!r} |")
    print(f"\n{len(measured)} texts, half of them under {slowest[len(slowest) // 2][1] * 1000:.1f} ms")


if __name__ == "__main__":
    main()
