"""What the operator calls the product: its name, accent color and logo, on all pages and in mails."""

import re
from dataclasses import dataclass
from html import escape

from app.pages.colors import BLACK, WHITE, lightened, mixed, readable_on
from app.pages.logo import Logo

KEYDESK = "Keydesk"
LIGHT_PAPER, DARK_PAPER, DARK_MENU = "#f4f6f8", "#1e2329", "#2e2e2e"
"""The surfaces, of the documentation and of the console, on which the accent color is hardest to read."""
MAIL_COLOR = "#1864ab"
_TITLE = re.compile(r"<title>(.*?)</title>")
_ICON = re.compile(r'<link rel="icon"[^>]*>')


@dataclass(frozen=True, slots=True)
class Brand:
    """The name of the product; its accent color as #rrggbb and its logo, or None for Keydesk's own."""

    name: str = KEYDESK
    color: str | None = None
    logo: Logo | None = None

    @property
    def mail_color(self) -> str:
        """The background of buttons in mails, on which white text can be read."""
        return MAIL_COLOR if self.color is None else readable_on(WHITE, self.color)

    @property
    def style(self) -> str:
        """What the documentation's style sheet ends with: the accent color, as it can be read on light and dark."""
        if self.color is None:
            return ""
        light, dark = readable_on(LIGHT_PAPER, self.color), readable_on(DARK_PAPER, self.color)
        return (
            f"\n:root {{ --link: {light}; --button: {light}; --on-button: {WHITE}; }}\n"
            "@media (prefers-color-scheme: dark) {\n"
            f"  :root {{ --link: {dark}; --button: {dark}; --on-button: #14171b; }}\n}}\n"
        )

    @property
    def shades(self) -> tuple[str, ...]:
        """
        Ten shades for the console, from light to dark.

        White text can be read on 7, 8 and 9; 7 on white; 4 and those before on the dark surfaces; 9 on 1.
        """
        if self.color is None:
            return ()
        dark, light = readable_on(WHITE, self.color), readable_on(DARK_MENU, self.color)
        return (
            *(lightened(dark, share) for share in (0.94, 0.88, 0.78)),
            mixed(light, WHITE, 0.3),
            light,
            mixed(dark, WHITE, 0.25),
            mixed(dark, WHITE, 0.1),
            dark,
            mixed(dark, BLACK, 0.12),
            mixed(dark, BLACK, 0.35),
        )


def branded(page: str, brand: Brand) -> str:
    """A page of the built console with the brand: in its title, its icon, and in `meta` elements for its scripts."""
    if brand == Brand():
        return page
    said = {
        "name": brand.name,
        "logo": None if brand.logo is None else brand.logo.address,
        "shades": " ".join(brand.shades) or None,
    }
    meta = "".join(
        f'<meta name="brand-{name}" content="{escape(value)}" />' for name, value in said.items() if value is not None
    )
    page = _TITLE.sub(lambda found: f"<title>{found[1].replace(KEYDESK, escape(brand.name))}</title>{meta}", page, 1)
    if brand.logo is not None:
        icon = f'<link rel="icon" href="{brand.logo.address}" type="{brand.logo.media_type}" />'
        page = _ICON.sub(lambda _: icon, page, 1)
    return page
