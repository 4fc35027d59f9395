"""The forms in which people print a key: dumps, byte lists, wrapped and numbered lines, separators, encodings."""

import base64
import binascii
import re
import string
from collections.abc import Callable, Iterator
from functools import partial

Form = Callable[[str], str]


def chunks(text: str, width: int) -> list[str]:
    """The text in pieces of this width; the last may be shorter."""
    return [text[start : start + width] for start in range(0, len(text), width)]


def _rows(key: str, width: int) -> Iterator[tuple[int, bytes]]:
    content = f"{key}\n".encode()
    for start in range(0, len(content), width):
        yield start, content[start : start + width]


def _seen(row: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)


def _words(row: bytes, size: int, *, little: bool) -> list[bytes]:
    words = [row[start : start + size].ljust(size, b"\0") for start in range(0, len(row), size)]
    return [word[::-1] if little else word for word in words]


def _dump(key: str, form: str, show: Callable[[bytes], str], width: int = 16) -> str:
    return "\n".join(form.format(start, show(row), _seen(row)) for start, row in _rows(key, width))


def _bytes(form: str, between: str = " ") -> Callable[[bytes], str]:
    return lambda row: between.join(form.format(byte) for byte in row)


def _hex_words(size: int, *, little: bool) -> Callable[[bytes], str]:
    return lambda row: " ".join(word.hex() for word in _words(row, size, little=little))


def _numbers(form: str, size: int) -> Callable[[bytes], str]:
    return lambda row: " ".join(form.format(int.from_bytes(word)) for word in _words(row, size, little=True))


def _characters(row: bytes) -> str:
    return " ".join(f"{chr(byte) if byte != 10 else chr(92) + 'n':>3}" for byte in row)


DUMPS: dict[str, Form] = {
    "xxd": lambda key: _dump(key, "{:08x}: {:39}  {}", _hex_words(2, little=False)),
    "xxd, little-endian": lambda key: _dump(key, "{:08x}: {:35}  {}", _hex_words(4, little=True)),
    "xxd, one byte a group": lambda key: _dump(key, "{:08x}: {:47}  {}", _bytes("{:02x}")),
    "xxd, eight a line": lambda key: _dump(key, "{:08x}: {:19}  {}", _hex_words(2, little=False), 8),
    "xxd, in capitals": lambda key: _dump(key, "{:08x}: {:39}  {}", lambda row: row.hex(" ", 2).upper()),
    "xxd, binary": lambda key: _dump(key, "{:08x}: {:53}  {}", _bytes("{:08b}"), 6),
    "xxd, plain": lambda key: "\n".join(chunks(f"{key}\n".encode().hex(), 60)),
    "xxd, quoted in a reply": lambda key: _dump(key, "> {:08x}: {:39}  {}", _hex_words(2, little=False)),
    "xxd, numbered": lambda key: "\n".join(
        f"{number:4}  {line}" for number, line in enumerate(DUMPS["xxd"](key).splitlines(), 1)
    ),
    "xxd, broken by a mail program": lambda key: DUMPS["xxd"](key).replace("  ", "\n    "),
    "xxd, with remarks": lambda key: DUMPS["xxd"](key).replace("\n", "\nand then\n"),
    "xxd in JSON": lambda key: '{"output": "' + DUMPS["xxd"](key).replace("\n", "\\n") + '"}',
    "hexdump": lambda key: _dump(key, "{:07x} {}", _hex_words(2, little=True)),
    "hexdump -C": lambda key: _dump(key, "{:08x}  {:48}  |{}|", lambda row: f"{row[:8].hex(' ')}  {row[8:].hex(' ')}"),
    "hexdump -b": lambda key: _dump(key, "{:07x} {}", _bytes("{:03o}")),
    "hexdump -c": lambda key: _dump(key, "{:07x} {}", _characters),
    "hexdump -d": lambda key: _dump(key, "{:07x}   {}", _numbers("{:05d}", 2)),
    "hexdump -o": lambda key: _dump(key, "{:07x}  {}", _numbers("{:06o}", 2)),
    "od": lambda key: _dump(key, "{:07o} {}", _numbers("{:06o}", 2)) + "\n0000077",
    "od -c": lambda key: _dump(key, "{:07o} {}", _characters) + "\n0000077",
    "od -b": lambda key: _dump(key, "{:07o} {}", _bytes("{:03o}")),
    "od -x": lambda key: _dump(key, "{:07o} {}", _hex_words(2, little=True)),
    "od -tx1": lambda key: _dump(key, "{:07o} {}", _bytes("{:02x}")),
    "od -tx1z": lambda key: _dump(key, "{:07o} {:47}  >{}<", _bytes("{:02x}")),
    "od -tx4": lambda key: _dump(key, "{:07o} {}", _hex_words(4, little=True)),
    "od -tx8": lambda key: _dump(key, "{:07o} {}", _hex_words(8, little=True)),
    "od -tu1": lambda key: _dump(key, "{:07o} {}", _bytes("{:3d}")),
    "od -An -tx1": lambda key: _dump(key, "{1}", _bytes(" {:02x}", "")),
    "od -An -c": lambda key: _dump(key, "{1}", _characters),
    "od -tc -tx1": lambda key: "\n".join(
        f"{start:07o} {_characters(row)}\n        {row.hex(' ').replace(' ', '  ')}" for start, row in _rows(key, 16)
    ),
    "tcpdump -X": lambda key: _dump(key, "\t0x{:04x}:  {:39}  {}", _hex_words(2, little=False)),
    "Wireshark": lambda key: _dump(key, "{:04x}   {:47}   {}", _bytes("{:02x}")),
    "GDB, bytes": lambda key: _dump(key, "0x7fffffffe{:03x}:\t{}", _bytes("0x{:02x}", "\t"), 8),
    "GDB, words": lambda key: _dump(key, "0x7ffe{:x} <key+16>:\t{}", _numbers("0x{:08x}", 4)),
    "GDB, characters": lambda key: "\t".join(f"{ord(each)} '{each}'" for each in key),
    "PowerShell": lambda key: _dump(key, "{:016X} {:47} {}", _bytes("{:02X}")),
    "certutil": lambda key: _dump(key, "{:04x}\t{}   {}", lambda row: f"{row[:8].hex(' ')}  {row[8:].hex(' ')}"),
    "hexyl": lambda key: _dump(
        key, "│{:08x}│ {} │{}│", lambda row: f"{row[:8].hex(' ')} ┊ {row[8:].hex(' ')}".ljust(49)
    ),
}

BYTE_LISTS: dict[str, Form] = {
    "list of Python": lambda key: str(list(key.encode())),
    "list in JSON, one a line": lambda key: "[\n  " + ",\n  ".join(map(str, key.encode())) + "\n]",
    "array in C": lambda key: "{ " + ", ".join(f"0x{byte:02x}" for byte in key.encode()) + " };",
    "xxd -i": lambda key: ",\n".join("  " + ", ".join(f"0x{byte:02x}" for byte in row) for _, row in _rows(key, 12)),
    "array in Java": lambda key: "new byte[]{" + ", ".join(f"(byte) {byte}" for byte in key.encode()) + "}",
    "array in C#": lambda key: "new byte[] { " + ", ".join(f"0x{byte:02X}" for byte in key.encode()) + " };",
    "slice in Go": lambda key: "[]byte{" + ", ".join(f"0x{byte:x}" for byte in key.encode()) + "}",
    "printed by Go": lambda key: "[" + " ".join(map(str, key.encode())) + "]",
    "vector in Rust": lambda key: "vec![" + ", ".join(f"{byte}u8" for byte in key.encode()) + "]",
    "Uint8Array": lambda key: f"Uint8Array({len(key)}) [\n  {', '.join(map(str, key.encode()))}\n]",
    "Buffer of Node": lambda key: f"<Buffer {key.encode().hex(' ')}>",
    "fromCharCode": lambda key: f"String.fromCharCode({','.join(map(str, key.encode()))})",
    "chr of PHP": lambda key: ".".join(f"chr({byte})" for byte in key.encode()),
    "Chr of VBA": lambda key: " & ".join(f"Chr({byte})" for byte in key.encode()),
    "char of PowerShell": lambda key: "+".join(f"[char]{byte}" for byte in key.encode()),
    "octal": lambda key: " ".join(f"{byte:o}" for byte in key.encode()),
    "octal escapes": lambda key: "$'" + "".join(f"\\{byte:03o}" for byte in key.encode()) + "'",
    "bytes of Python": lambda key: "b'" + "".join(f"\\x{byte:02x}" for byte in key.encode()) + "'",
    "bytea of PostgreSQL": lambda key: f"'\\x{key.encode().hex()}'::bytea",
    "binary digits": lambda key: " ".join(f"{byte:08b}" for byte in key.encode()),
    "binary digits in a row": lambda key: "".join(f"{byte:08b}" for byte in key.encode()),
    "code points": lambda key: " ".join(f"U+{ord(each):04X}" for each in key),
    "list of characters": lambda key: str(list(key)),
    "characters in JSON": lambda key: '[\n  "' + '",\n  "'.join(key) + '"\n]',
    "words of CryptoJS": lambda key: str([int.from_bytes(word) for word in _words(key.encode(), 4, little=False)]),
    "one number": lambda key: str(int.from_bytes(key.encode())),
}


def _lines(form: str, width: int) -> Form:
    return lambda key: "\n".join(form.format(number, chunk) for number, chunk in enumerate(chunks(key, width), 1))


WRAPPED: dict[str, Form] = {
    f"{name}, {width} a line": _lines(form, width)
    for width in (4, 7, 10, 16, 25, 31)
    for name, form in {
        "wrapped": "{1}",
        "numbered by cat": "{0:6}\t{1}",
        "numbered by grep": "{0}:{1}",
        "numbered with a bar": "{0:>3} | {1}",
        "numbered with a parenthesis": "{0}) {1}",
        "numbered with a dot": "{0}. {1}",
        "numbered L1": "L{0} {1}",
        "numbered line 1:": "line {0}: {1}",
        "in brackets": "[{0}] {1}",
        "bullets": "- {1}",
        "stars": "* {1}",
        "quoted": "> {1}",
        "quoted twice": "> > {1}",
        "in a diff": "+{1}",
        "in a table": "| {1} |",
        "in a numbered table": "| {0} | {1} | ok |",
        "CSV": "{0},{1}",
        "CSV with quotes": '{0},"{1}",true',
        "JSON": '  "{1}",',
        "concatenated with +": '  "{1}" +',
        "concatenated with .": "  '{1}' .",
        "concatenated with ..": '  "{1}" ..',
        "concatenated with &": '  "{1}" & _',
        "concatenated with <<": '  << "{1}"',
        "concatenated by a backslash": '"{1}" \\',
        "next to each other": '    "{1}"',
        "appended": 'key += "{1}";',
        "named": "PART{0}={1}",
        "named in words": "part {0}: {1}",
        "YAML": "  - {1}",
        "echoed": 'echo -n "{1}" >> key.txt',
        "HTML": "<li>{1}</li>",
        "HTML table": "<tr><td>{0}</td><td>{1}</td></tr>",
        "commented": "{1}  // part {0}",
    }.items()
}


def _separated(separator: str, width: int, key: str) -> str:
    return separator.join(chunks(key, width))


SEPARATED: dict[str, Form] = {
    f"{name} after every {width}": partial(_separated, separator, width)
    for width in (1, 2, 3, 4, 5, 8)
    for name, separator in {
        "space": " ",
        "dash": "-",
        "dot": ".",
        "comma": ",",
        "comma and space": ", ",
        "slash": "/",
        "colon": ":",
        "star": "*",
        "line feed": "\n",
        "zero-width space": "\u200b",
        "emoji": "\U0001f511",
        "em dash": " — ",
        "plus": " + ",
        "middle dot": "·",
        "no-break space": "\u00a0",
        "semicolon": ";",
        "bar": "|",
    }.items()
}

_B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_Z85 = string.digits + string.ascii_lowercase + string.ascii_uppercase + ".-:+=^!/*?&<>()[]{}@%$#"
_B85 = string.digits + string.ascii_uppercase + string.ascii_lowercase + "!#$%&()*+-;<=>?@^_`{|}~"
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_B32 = string.ascii_uppercase + "234567"


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _b32(key: str) -> str:
    return base64.b32encode(key.encode()).decode()


def _b58(key: str) -> str:
    number, text = int.from_bytes(key.encode()), ""
    while number:
        number, digit = divmod(number, 58)
        text = _B58[digit] + text
    return text


def _uuencoded(key: str) -> str:
    lines = [binascii.b2a_uu(row).decode() for _, row in _rows(key, 45)]
    return f"begin 644 key.txt\n{''.join(lines)}`\nend"


ENCODED: dict[str, Form] = {
    "base64": _b64,
    "base64 in lines": lambda key: "\n".join(chunks(_b64(key), 20)),
    "base64, numbered": lambda key: "\n".join(f"{at:3} {line}" for at, line in enumerate(chunks(_b64(key), 20), 1)),
    "base64, put together": lambda key: " +\n".join(f'"{line}"' for line in chunks(_b64(key), 20)),
    "base64 with dashes": lambda key: "-".join(chunks(_b64(key).rstrip("="), 8)),
    "base64 twice": lambda key: _b64(_b64(key)),
    "base64 twice, in lines": lambda key: "\n".join(chunks(_b64("\n".join(chunks(_b64(key), 76))), 76)),
    "base64 of hexadecimal digits": lambda key: _b64(key.encode().hex()),
    "base64 of UTF-16": lambda key: base64.b64encode(key.encode("utf-16-le")).decode(),
    "base64, percent-encoded": lambda key: _b64(key).replace("=", "%3D").replace("/", "%2F").replace("+", "%2B"),
    "base64 in xxd": lambda key: DUMPS["xxd"](_b64(key)),
    "xxd in base64": lambda key: _b64(DUMPS["xxd"](key)),
    "base32": _b32,
    "base32 in small letters": lambda key: _b32(key).lower().rstrip("="),
    "base32 in lines": lambda key: "\n".join(chunks(_b32(key), 24)),
    "base32hex": lambda key: base64.b32hexencode(key.encode()).decode(),
    "base32 of Crockford": lambda key: _b32(key).rstrip("=").translate(str.maketrans(_B32, _CROCKFORD)),
    "base58": _b58,
    "base85": lambda key: base64.b85encode(key.encode()).decode(),
    "base85, printed by Python": lambda key: str(base64.b85encode(key.encode())),
    "ascii85": lambda key: base64.a85encode(key.encode()).decode(),
    "ascii85 of Adobe": lambda key: base64.a85encode(key.encode(), adobe=True).decode(),
    "Z85": lambda key: base64.b85encode(key.encode()).decode().translate(str.maketrans(_B85, _Z85)),
    "uuencoded": _uuencoded,
    "hexadecimal": lambda key: key.encode().hex(),
    "hexadecimal in lines": lambda key: "\n".join(chunks(key.encode().hex(), 32)),
    "hexadecimal of UTF-16": lambda key: key.encode("utf-16-le").hex(),
    "hexadecimal of UTF-16, big-endian": lambda key: key.encode("utf-16").hex(" "),
    "hexadecimal of base64": lambda key: _b64(key).encode().hex(),
    "quoted-printable": lambda key: "".join(f"={byte:02X}" for byte in key.encode()),
    "quoted-printable in lines": lambda key: "=\n".join(chunks("".join(f"={byte:02X}" for byte in key.encode()), 75)),
    "percent": lambda key: "".join(f"%{byte:02x}" for byte in key.encode()),
    "percent, three times": lambda key: "".join(f"%2525{byte:02x}" for byte in key.encode()),
    "HTML references": lambda key: "".join(f"&#x{byte:x};" for byte in key.encode()),
    "JSON escapes": lambda key: "".join(f"\\u{byte:04x}" for byte in key.encode()),
    "escapes of JavaScript": lambda key: "".join(f"\\u{{{byte:x}}}" for byte in key.encode()),
    "backwards": lambda key: key[::-1],
    "ROT13": lambda key: key.translate(
        str.maketrans(
            string.ascii_letters,
            "".join(part[13:] + part[:13] for part in (string.ascii_lowercase, string.ascii_uppercase)),
        )
    ),
}

FORMS = {
    f"{kind}: {name}": form
    for kind, forms in {
        "dump": DUMPS,
        "byte list": BYTE_LISTS,
        "wrapped": WRAPPED,
        "separated": SEPARATED,
        "encoded": ENCODED,
    }.items()
    for name, form in forms.items()
}
"""Each of them contains a well-formed key."""


def readings(text: str) -> Iterator[str]:
    """Texts that can be decoded from a text with such a form, by simple means that redaction does not share."""
    lines = text.splitlines()
    yield "".join(re.sub(r"^\W*(?:part|line|L|chunk_)?\s*\d+\W+", "", line) for line in lines)
    yield "".join(re.findall(r"[0-9A-Za-z_+/=]+", line)[-1] for line in lines if re.search(r"\w", line))
    yield re.sub(r"[^0-9A-Za-z]|PART|\b\d+\b", "", text)
    yield "".join(re.findall(r"(?<![0-9A-Za-z])[0-9A-Za-z](?![0-9A-Za-z])", text))
    for base, number in ((10, r"\d{2,3}"), (16, "[0-9A-Fa-f]{2}"), (8, "[0-7]{2,3}"), (2, "[01]{8}")):
        found = re.findall(rf"(?<![0-9A-Za-z])(?:0x|x|u00|\(byte\) )?({number})(?:u8)?(?![0-9A-Za-z])", text)
        yield "".join(chr(int(each, base)) for each in found if int(each, base) < 256)
    for size in (4, 8, 16):
        groups = re.findall(rf"(?<![0-9A-Za-z])(?:0x)?([0-9A-Fa-f]{{{size}}})(?![0-9A-Za-z])", text)
        yield b"".join(bytes.fromhex(group) for group in groups).decode("latin-1")
        yield b"".join(bytes.fromhex(group)[::-1] for group in groups).decode("latin-1")
    for token in re.findall(r"[!-~]{16,}", text):
        for read in (base64.b85decode, base64.a85decode, base64.b32decode):
            try:
                yield read(token.encode()).decode("latin-1")
            except ValueError:
                continue
