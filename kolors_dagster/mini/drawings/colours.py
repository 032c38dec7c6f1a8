"""Colours as (red, green, blue), 0–255, and what is done to them."""

import colorsys

Colour = tuple[int, int, int]

HAIR: dict[str, Colour] = {
    "black": (56, 50, 68),
    "brown": (134, 86, 58),
    "blonde": (245, 205, 108),
    "red": (208, 70, 52),
    "blue": (74, 120, 208),
    "purple": (146, 94, 204),
    "pink": (246, 150, 186),
    "silver": (206, 212, 228),
    "green": (88, 164, 122),
}
CLOTH: dict[str, Colour] = {
    "white": (250, 248, 244),
    "red": (220, 62, 66),
    "blue": (82, 142, 222),
    "yellow": (250, 206, 84),
    "green": (104, 184, 128),
    "pink": (250, 164, 190),
    "black": (62, 60, 76),
    "purple": (158, 116, 208),
    "orange": (246, 146, 72),
}
SKIN: dict[str, Colour] = {
    "fair": (255, 230, 214),
    "light": (252, 214, 186),
    "tan": (226, 172, 132),
    "brown": (172, 116, 82),
}
EYES_BY_HAIR: dict[str, Colour] = {
    "black": (92, 60, 44),
    "brown": (88, 140, 96),
    "blonde": (70, 110, 170),
    "red": (88, 140, 96),
    "blue": (60, 62, 116),
    "purple": (134, 88, 170),
    "pink": (176, 112, 52),
    "silver": (70, 110, 170),
    "green": (176, 112, 52),
}


def clamp(value: float) -> int:
    """Return `value` as a channel, 0–255."""
    return 0 if value < 0 else 255 if value > 255 else round(value)


def mix(a: Colour, b: Colour, t: float) -> Colour:
    """Return the colour `t` of the way from `a` to `b`."""
    return clamp(a[0] + (b[0] - a[0]) * t), clamp(a[1] + (b[1] - a[1]) * t), clamp(a[2] + (b[2] - a[2]) * t)


def times(a: Colour, factors: tuple[float, float, float]) -> Colour:
    """Return a colour as seen in a light of another colour."""
    return clamp(a[0] * factors[0]), clamp(a[1] * factors[1]), clamp(a[2] * factors[2])


def lighter(a: Colour, t: float) -> Colour:
    """Return `a` mixed with white."""
    return mix(a, (255, 255, 255), t)


def darker(a: Colour, t: float) -> Colour:
    """Return `a` mixed with a deep violet, which stays livelier than black."""
    return mix(a, (36, 22, 48), t)


def shift(a: Colour, hue: float = 0.0, saturation: float = 1.0, value: float = 1.0) -> Colour:
    """Return `a` with its hue turned (in turns), its saturation and value multiplied."""
    h, s, v = colorsys.rgb_to_hsv(a[0] / 255, a[1] / 255, a[2] / 255)
    r, g, b = colorsys.hsv_to_rgb((h + hue) % 1, min(1, s * saturation), min(1, v * value))
    return clamp(r * 255), clamp(g * 255), clamp(b * 255)


def brightness(a: Colour) -> float:
    """Return the perceived brightness, 0–1."""
    return (0.3 * a[0] + 0.59 * a[1] + 0.11 * a[2]) / 255
