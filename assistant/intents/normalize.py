"""Normalizes a message before it is interpreted: plain letters, one spelling, placeholders for ids and keys."""

import re
import unicodedata

LENGTH_AT_MOST = 4000
LOOKED_AT = 800
"""Only this many characters are interpreted: of a long message, the sentences first, then what was pasted."""

_CONFUSABLE = str.maketrans(
    "аеорсухіјѕһԁԛԝᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀᴛᴜᴠᴡʏᴢАВЕКМНОРСТХІЈЅαεικνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧıɑɡ",
    "aeopcyxijshdqwabcdeghijklmnoprtuvwyzABEKMHOPCTXIJSaeikvoptuxABEZHIKMNOPTYXiag",
)
"""Letters of other scripts that look like Latin letters."""
_ONLY_CYRILLIC_OR_GREEK = re.compile(r"[бвгдёжзийклмнптфцчшщъыьэюяБГДЁЖЗИЙЛПУФЦЧШЩЪЫЬЭЮЯβγδζηθλμξπσςφψωΓΔΘΛΞΠΣΦΨΩ]")
_ACCENTED = {
    code: unicodedata.normalize("NFD", chr(code))[0]
    for code in range(0xC0, 0x250)
    if unicodedata.normalize("NFD", chr(code))[0].isascii()
}
_LIGATURES = {ord("ß"): "ss", ord("œ"): "oe", ord("æ"): "ae", ord("ø"): "o", ord("ł"): "l", ord("đ"): "d"}
_FOLDING = {**_ACCENTED, **_LIGATURES, ord("’"): "'", ord("‘"): "'", ord("`"): "'", ord("´"): "'"}

_STAND_INS = tuple(
    (re.compile(pattern), f" {stand_in} ")
    for pattern, stand_in in (
        (r"\[key\b[^\]\n]{0,40}\]", "pastedkey"),
        (
            r"\[(?:cookie|password|token|secret|private key|jwt|[a-z][a-z ]{1,24} (?:key|token|webhook))\]",
            "pastedother",
        ),
        (r"\breq_[0-9a-z]{4,64}", "requestid"),
        (r"\b[a-z][a-z0-9]{0,11}_[0-9a-z]{1,8}(?:…|\.\.\.?)[0-9a-z]{0,6}", "keyhint"),
        (r"\bkey_[0-9a-f]{8,40}\b", "keyid"),
        (r"\bagt_[0-9a-f]{8,40}\b", "agentid"),
        (r"\b(?:org|usr|cnv|msg|tkt|evt)_[0-9a-f]{8,40}\b", "otherid"),
        (r"https?://[^\s\"'<>]{0,200}", "someurl"),
        (r"\b\d{1,3}(?:\.\d{1,3}){3}\b", "ipaddress"),
        (r"\b[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{1,63}", "mailaddress"),
        (r"\b(?=[0-9a-f-]{0,40}\d)[0-9a-f-]{16,}\b", "longid"),
        (r"\b\d{4,}\b|\b\d+[.,:]\d[\d.,:]*", "number"),
    )
)
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u0300-\u036f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u1ab0-\u1aff"
    "\u1dc0-\u1dff\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20d0-\u20ff\u3164\ud800-\uf8ff\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\uffff\U000e0000-\U0010ffff]+"
)
"""Control and format characters, combining marks, surrogates, and private-use characters."""
_RUNS = (
    (re.compile(r"[^\S\n]{2,}"), " "),
    (re.compile(r"\s*\n\s*"), "\n"),
    (re.compile(r"([^\w\s])\1{3,}"), r"\1\1\1"),
)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])(?![A-Za-z0-9]{0,12}(?:…|\.{3}))")
_LIKE_A_LOG = re.compile(r"[{}\[\]<>=\\|;/\"]")


def plain(text: str) -> str:
    """The text in NFKC, without invisible characters and long runs, with look-alike letters replaced by Latin ones."""
    text = text[:LENGTH_AT_MOST]
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))[: 2 * LENGTH_AT_MOST]
        if not _ONLY_CYRILLIC_OR_GREEK.search(text):
            text = text.translate(_CONFUSABLE)
    elif not text.isprintable():
        text = _INVISIBLE.sub("", text)
    for run, instead in _RUNS:
        text = run.sub(instead, text)
    return text


def sentences(text: str) -> str:
    """The part of a text that is interpreted: lines that a person wrote, then what looks pasted, up to LOOKED_AT."""
    if len(text) <= LOOKED_AT:
        return text
    written: list[str] = []
    pasted: list[str] = []
    for line in text.split("\n"):
        marks = len(_LIKE_A_LOG.findall(line))
        (pasted if marks * 12 > len(line) else written).append(line)
    said = "\n".join(written)
    if len(said) > LOOKED_AT:
        return f"{said[: LOOKED_AT * 2 // 3]}\n{said[-LOOKED_AT // 3 :]}"
    return f"{said}\n{chr(10).join(pasted)[: LOOKED_AT - len(said)]}"


def folded(text: str) -> str:
    """The plain text in lower case without accents, with a placeholder for each pasted secret, id and number."""
    text = _HUMP.sub(" ", text).lower().translate(_FOLDING)
    for pattern, stand_in in _STAND_INS:
        text = pattern.sub(stand_in, text)
    return text
