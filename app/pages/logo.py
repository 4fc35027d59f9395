"""Reads and checks the operator's logo, a PNG or SVG file."""

from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

LOGO_BYTES_AT_MOST = 256 * 1024
LOGO_ADDRESS = "/brand/logo"
PNG, SVG = "image/png", "image/svg+xml"
_PNG_BEGINS = b"\x89PNG\r\n\x1a\n"
_SVG_ROOT = "{http://www.w3.org/2000/svg}svg"


class UnusableLogo(ValueError):
    """The file is not a logo that can be shown. The message says why and what to do, without the path."""


@dataclass(frozen=True, slots=True)
class Logo:
    """A logo's file."""

    body: bytes = field(repr=False)
    media_type: str

    @property
    def address(self) -> str:
        """The path where it is served."""
        return f"{LOGO_ADDRESS}.{'svg' if self.media_type == SVG else 'png'}"


def read_logo(path: Path) -> Logo:
    """Reads a logo: a PNG file, or an SVG file without scripts. Raises UnusableLogo."""
    try:
        with path.open("rb") as file:
            body = file.read(LOGO_BYTES_AT_MOST + 1)
    except OSError:
        raise UnusableLogo("this file can't be read. Use the path of an SVG or PNG file.") from None
    if len(body) > LOGO_BYTES_AT_MOST:
        raise UnusableLogo(f"the file is larger than {LOGO_BYTES_AT_MOST // 1024} KB. Use a smaller picture.")
    if body.startswith(_PNG_BEGINS):
        return Logo(body, PNG)
    if _is_svg(body):
        return Logo(body, SVG)
    raise UnusableLogo("the file is not a PNG picture, and not an SVG picture without scripts, entities and DOCTYPE.")


def _is_svg(body: bytes) -> bool:
    if b"<!doctype" in body.lower() or b"<!entity" in body.lower():
        return False  # entities could make a small file a large one
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - without a DOCTYPE, there are no entities to expand
    except (ElementTree.ParseError, ValueError, LookupError):
        return False
    return root.tag == _SVG_ROOT and not any(_runs_scripts(each) for each in root.iter())


def _runs_scripts(element: ElementTree.Element) -> bool:
    tag = str(element.tag).rpartition("}")[2].lower()
    attributes = {name.rpartition("}")[2].lower() for name in element.attrib}
    return tag in {"script", "foreignobject"} or any(name.startswith("on") for name in attributes)
