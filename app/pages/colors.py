"""
Mixes colors, and makes an accent color readable on a surface.

Contrast is that of WCAG 2.2: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio. Colors are written as #rrggbb.
"""

WHITE, BLACK = "#ffffff", "#000000"
CONTRAST_AT_LEAST = 4.6
"""WCAG's level AA asks for 4.5 of text; the rest is for rounding."""
STEPS = 100
_MIDDLE = 0.18
"""The relative luminance at which white and black have about the same contrast."""


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colors, from 1 to 21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    """The relative luminance, from 0 for black to 1 for white."""
    red, green, blue = (_linear(channel / 255) for channel in _channels(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def mixed(color: str, other: str, share: float) -> str:
    """The color with this share of the other one."""
    pairs = zip(_channels(color), _channels(other), strict=True)
    return "#" + "".join(f"{round(mine + (theirs - mine) * share):02x}" for mine, theirs in pairs)


def lightened(color: str, share: float) -> str:
    """The color with this share of white."""
    return mixed(color, WHITE, share)


def readable_on(surface: str, color: str) -> str:
    """The color, made darker on a light surface, or lighter on a dark one, until it can be read there."""
    towards = BLACK if luminance(surface) > _MIDDLE else WHITE
    shades = (mixed(color, towards, step / STEPS) for step in range(STEPS + 1))
    return next(shade for shade in shades if contrast(shade, surface) >= CONTRAST_AT_LEAST)


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
