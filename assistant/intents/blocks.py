"""
Tells pasted blocks apart from what a person wrote.

A line is of a block if it looks like one: a log, a traceback, headers, a curl command, an environment file, code,
JSON or YAML. Each pattern is linear in the length of the text, which has at most 4,000 characters. Training uses this
module, and has few packages, so only modules that need none are imported here.
"""

import re
from enum import StrEnum
from typing import NamedTuple

from assistant.intents.normalize import LOOKED_AT, sentences


class BlockKind(StrEnum):
    """What a part of a message is."""

    PROSE = "prose"
    TRACEBACK = "traceback"
    LOG = "log"
    HEADERS = "headers"
    """Request and status lines, and headers, also as curl shows them."""
    COMMAND = "command"
    """A command in a shell, such as curl."""
    ENVIRONMENT = "environment"
    """Lines such as API_KEY=..."""
    DATA = "data"
    """JSON, YAML, or another configuration."""
    CODE = "code"


class Block(NamedTuple):
    """Lines of a message that belong together."""

    kind: BlockKind
    text: str


_HEADER_NAMES = (
    r"authorization|proxy-authorization|x-api-key|api-key|apikey|accept|accept-[a-z]{1,20}|content-[a-z]{1,20}|host"
    r"|user-agent|server|date|connection|cache-control|www-authenticate|retry-after|x-[a-z][a-z0-9-]{1,40}|via|etag"
    r"|location|cf-ray|vary|set-cookie|cookie|transfer-encoding|strict-transport-security|access-control-[a-z-]{1,30}"
)
_LINES: tuple[tuple[BlockKind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, flags))
    for kind, pattern, flags in (
        (
            BlockKind.COMMAND,
            r"\s{0,8}(?:[$#%>❯] |PS [^>\n]{0,60}> ?|C:[^>\n]{0,60}> ?)?(?:sudo )?(?:(?:curl"
            r"|wget)(?:\.exe)? [^\n]*(?:-|://|\.)"
            r"|(?:http|https|xh) (?:GET|POST|PUT|DELETE|:|http)|docker |kubectl |npm |pip |echo |export |printenv"
            r"|env ?\|"
            r"|Invoke-(?:RestMethod|WebRequest)|-H ['\"]|--(?:header|data|request)\b)|\$ \S",
            0,
        ),
        (
            BlockKind.HEADERS,
            rf"\s{{0,8}}(?:[<>*] ?)?(?:HTTP/\d|(?:{_HEADER_NAMES}): ?|(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) /?\S*"
            r" ?HTTP/\d)|[<>*] \S",
            re.IGNORECASE,
        ),
        (
            BlockKind.TRACEBACK,
            r"\s{0,8}(?:>\s{1,8})?(?:Traceback \(most|File \"|at (?:async |new )?[\w.$<>/\[\]]{1,80}(?:\(| \()"
            r"|Caused by:"
            r"|Uncaught\b|PHP (?:Fatal|Warning|Notice)|goroutine \d|panic:|Exception in thread|During handling of"
            r"|(?:Error|Fehler|error):|Unhandled|raise |\^{2,}|throw )"
            r"|\s{0,8}(?:>\s{1,8})?[A-Za-z_][\w.$\\:]{0,120}(?:Error|Exception|Timeout|Fault|Refused)\b[:( ]",
            0,
        ),
        (
            BlockKind.LOG,
            r"\s{0,8}\[?(?:\d{4}[-/]\d\d[-/]\d\d[T ]|\d\d:\d\d:\d\d|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d"
            r"|\d\d/[A-Z][a-z]{2}/\d{4})"
            r"|\s{0,8}\[?(?:TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|FATAL|CRITICAL)\b[\]:| ]"
            r"|(?:level|time|ts|msg)=\S|[\w.-]{1,40}(?:\[\d{1,8}\])?: (?:error|warn)|\d{1,3}(?:\.\d{1,3}){3} - ",
            0,
        ),
        (
            BlockKind.ENVIRONMENT,
            r"\s{0,8}(?:- |export |set |setx |ENV |ARG |\$env:|\$Env:)?[A-Z][A-Z0-9_]{2,40} ?(?:=|: ?[\"'$]|:\s*$)"
            r"|\s{0,8}(?:>>> )?\w{0,40}(?:key|token|secret)\w{0,10} ?= ?\S{0,80}\s*$",
            0,
        ),
        (
            BlockKind.DATA,
            r"\s{0,12}(?:[\[{}\]],?\s*$|[{\[] ?[\"'\\{]|\"[^\"\n]{1,60}\" ?:|(?:- )?[a-z][\w.-]{0,40}:(?:\s*$"
            r"| [\"'!{\[$&]?\S{0,80}$)"
            r"|<[?!/]?[a-zA-Z][^>\n]{0,200}>)",
            0,
        ),
        (
            BlockKind.CODE,
            r"[^\n]*(?:[;{]\s*$|=> |\);?\s*$|\w\.\w{1,40}\(|\w\[[\"']\w)|\s{0,12}(?:import |from \w[\w.]* import "
            r"|const |let"
            r" |var |val |def |func |public |private |using |return |await |async |\}|//|#include|\)|fetch\("
            r"|requests\."
            r"|headers ?[=:]|location [/~]|proxy_|RewriteRule|SetEnvIf)",
            0,
        ),
    )
)
_SENTENCE = re.compile(r"[a-zà-ÿ]{2,} [a-zà-ÿ']{1,20} [a-zà-ÿ']{1,20} [a-zà-ÿ']{1,20}|[\u3040-\u30ff\u3400-\u9fff]{4}")
_FENCE = re.compile(r"\s{0,4}(?:```|~~~)")


def blocks(text: str) -> tuple[Block, ...]:
    """The parts of a message, in order. `text` is redacted; what is within fences (```) is pasted in any case."""
    parts: list[tuple[BlockKind, list[str]]] = []
    is_fenced = False
    for line in text.split("\n"):
        if _FENCE.match(line):
            is_fenced = not is_fenced
            continue
        kind = _kind_of(line, is_fenced)
        if not line.strip() and parts:
            kind = parts[-1][0]
        if parts and parts[-1][0] is kind:
            parts[-1][1].append(line)
        else:
            parts.append((kind, [line]))
    return tuple(Block(kind, "\n".join(lines).strip("\n")) for kind, lines in parts)


def prose_of(text: str) -> str:
    """What the person wrote, without pasted blocks. Empty if all of it was pasted."""
    return "\n".join(each.text for each in blocks(text) if each.kind is BlockKind.PROSE)


def to_embed(text: str) -> str:
    """
    The part of a plain text that the sentence encoder reads, in training and in use: a short text as it is.

    Of a long one, what the person wrote: what was pasted beside it would hide its meaning.
    """
    if len(text) <= LOOKED_AT:
        return text
    return prose_of(text).strip() or sentences(text)


def _kind_of(line: str, is_fenced: bool) -> BlockKind:
    kind = next((kind for kind, pattern in _LINES if pattern.match(line)), None)
    if is_fenced:
        return kind or BlockKind.CODE
    if kind in {BlockKind.CODE, BlockKind.DATA} and _SENTENCE.search(line):
        return BlockKind.PROSE
    return kind or BlockKind.PROSE
