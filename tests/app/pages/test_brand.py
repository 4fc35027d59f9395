"""The operator's name, color and logo: what they do to pages, and that every color can be read."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pages.brand import DARK_MENU, DARK_PAPER, LIGHT_PAPER, Brand, branded
from app.pages.colors import WHITE, contrast, mixed, readable_on
from app.pages.logo import LOGO_BYTES_AT_MOST, PNG, SVG, Logo, UnusableLogo, read_logo
from app.settings import Settings, SettingsError, read_settings
from tests.conftest import Clock
from tests.support.client import Site, open_site

AA = 4.5
"""What WCAG 2.2 asks for of text."""
PICTURE = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><style>a{fill:red}</style><path d="M0 0h9"/></svg>'
)
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc0000003010100"
    "18dd8db00000000049454e44ae426082"
)
PAGE = (
    '<html><head><link rel="icon" href="/assets/icon-1.svg" type="image/svg+xml" /><title>GraphiQL · Keydesk</title>'
    "</head></html>"
)
colors = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@given(colors)
def test_every_color_can_be_read(color: str) -> None:
    """On the documentation's pages, in the console and in mails, light and dark."""
    brand = Brand(color=color)
    shades = brand.shades

    assert len(shades) == 10
    assert contrast(WHITE, brand.mail_color) >= AA
    assert all(contrast(WHITE, shades[place]) >= AA for place in (7, 8, 9))
    assert all(contrast(DARK_MENU, shades[place]) >= AA for place in range(5))
    assert contrast(shades[9], shades[1]) >= AA
    for paper in (LIGHT_PAPER, DARK_PAPER):
        assert contrast(paper, readable_on(paper, color)) >= AA
        assert readable_on(paper, color) in brand.style


def test_a_color_that_can_be_read_stays_as_it_is() -> None:
    """Only as much is changed as is needed; the ratio is WCAG's."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert readable_on(WHITE, "#0b57d0") == "#0b57d0"
    assert readable_on(WHITE, "#ffff00") != "#ffff00"
    assert mixed("#000000", "#ff8040", 0.5) == "#804020"


def test_the_console_s_pages_have_the_brand() -> None:
    """In title, icon and meta elements, escaped. Without a brand, a page is as it was built."""
    page = branded(PAGE, Brand('A"<b>', "#0b57d0", Logo(PICTURE, SVG)))

    assert branded(PAGE, Brand()) == PAGE
    assert '<link rel="icon" href="/brand/logo.svg" type="image/svg+xml" />' in page
    assert "<title>GraphiQL · A&quot;&lt;b&gt;</title>" in page
    assert '<meta name="brand-name" content="A&quot;&lt;b&gt;" />' in page
    assert '<meta name="brand-logo" content="/brand/logo.svg" />' in page
    assert f'<meta name="brand-shades" content="{" ".join(Brand(color="#0b57d0").shades)}" />' in page


@pytest.mark.parametrize(("content", "media_type"), [(PICTURE, SVG), (PIXEL, PNG)])
def test_pictures_are_read(tmp_path: Path, content: bytes, media_type: str) -> None:
    """By their content, whatever they are called."""
    (tmp_path / "logo").write_bytes(content)

    assert read_logo(tmp_path / "logo") == Logo(content, media_type)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a PNG"),
        (b"GIF89a", "not a PNG"),
        (b"<svg></svg>", "not a PNG"),
        (b"<html/>", "not a PNG"),
        (PICTURE.replace(b"<style>", b"<script>1</script><style>"), "without scripts"),
        (PICTURE.replace(b"<path", b'<path onload="1"'), "without scripts"),
        (PICTURE.replace(b"<path", b"<foreignObject/><path"), "without scripts"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]>' + PICTURE, "entities"),
        (PIXEL + bytes(LOGO_BYTES_AT_MOST), "larger than 256 KB"),
    ],
)
def test_what_is_no_logo_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    """The message says why, and the setting is named at the start."""
    path = tmp_path / "hunter2"
    path.write_bytes(content)

    with pytest.raises(UnusableLogo, match=words):
        read_logo(path)
    with pytest.raises(SettingsError) as refused:
        read_settings({"KEYDESK_BRAND_LOGO": str(path)})

    assert str(refused.value).startswith("KEYDESK_BRAND_LOGO: ")
    assert "hunter2" not in str(refused.value)


def test_a_logo_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Also a folder."""
    for path in (tmp_path, tmp_path / "missing.svg"):
        with pytest.raises(UnusableLogo, match="can't be read"):
            read_logo(path)


@pytest.mark.parametrize("text", ["red", "#fff", "#0b57d", "0b57d0", "#0b57dg", "#0b57d0;"])
def test_what_is_no_color_is_refused(text: str) -> None:
    """The setting is named, with an example."""
    with pytest.raises(SettingsError, match="KEYDESK_BRAND_COLOR: use a color as #rrggbb"):
        read_settings({"KEYDESK_BRAND_COLOR": text})


def test_the_settings_make_the_brand(tmp_path: Path) -> None:
    """Printing the settings does not print the picture."""
    (tmp_path / "logo.png").write_bytes(PIXEL)
    settings: Settings = read_settings(
        {
            "KEYDESK_BRAND_NAME": "Initech Keys",
            "KEYDESK_BRAND_COLOR": "#0B57D0",
            "KEYDESK_BRAND_LOGO": str(tmp_path / "logo.png"),
        }
    )

    assert settings.brand == Brand("Initech Keys", "#0b57d0", Logo(PIXEL, PNG))
    assert "PNG" not in repr(settings)


@pytest.fixture
async def branded_site(database_address: str, clock: Clock, tmp_path: Path) -> AsyncIterator[Site]:
    """A site with a name, a color and a logo of its own."""
    (tmp_path / "logo.svg").write_bytes(PICTURE)
    settings = {
        "KEYDESK_BRAND_NAME": "Initech & Keys",
        "KEYDESK_BRAND_COLOR": "#ffd400",
        "KEYDESK_BRAND_LOGO": str(tmp_path / "logo.svg"),
    }
    async with open_site(database_address, clock, settings) as opened:
        yield opened


async def test_the_documentation_has_the_brand(branded_site: Site) -> None:
    """In titles and headers; the style sheet has the color."""
    http = (await branded_site.person("nobody")).http

    page = (await http.get("/docs/guide/keys")).text
    style = (await http.get("/docs/style.css")).text

    assert "<title>API keys · Initech &amp; Keys</title>" in page
    assert '<a class="home" href="/"><img src="/brand/logo.svg" alt="" height="24">Initech &amp; Keys</a>' in page
    assert style.endswith(Brand(color="#ffd400").style)
    assert len(Brand(color="#ffd400").style) > 100


async def test_the_logo_can_run_and_load_nothing(branded_site: Site) -> None:
    """Also if somebody opens its address as a page."""
    http = (await branded_site.person("nobody")).http

    served: httpx.Response = await http.get("/brand/logo.svg")
    again = await http.get("/brand/logo.svg", headers={"if-none-match": served.headers["etag"]})

    assert (served.status_code, served.content) == (200, PICTURE)
    assert served.headers["content-type"].startswith(SVG)
    assert served.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in served.headers["content-security-policy"]
    assert "sandbox" in served.headers["content-security-policy"]
    assert again.status_code == 304


async def test_without_a_logo_there_is_no_such_address(site: Site) -> None:
    """As for every address that is not there."""
    assert (await (await site.person("nobody")).http.get("/brand/logo.svg")).status_code == 404
