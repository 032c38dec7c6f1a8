"""Cuts of clothes, and outfits in their colours."""

from dataclasses import dataclass

from kolors_dagster.mini.drawings.colours import Colour


@dataclass(frozen=True)
class Cut:
    """What makes a garment: sleeves, skirt (share of the leg, 0 for trousers), flare, collar, extras."""

    sleeve: str
    skirt: float
    flare: float
    collar: str
    extras: tuple[str, ...] = ()


CUTS = {
    "dress": Cut("puff", 0.5, 0.24, "round", ("belt",)),
    "gown": Cut("none", 0.96, 0.34, "sweetheart", ("belt", "sparkle")),
    "sweater": Cut("long", 0.34, 0.16, "ribbed", ("hem", "other_skirt")),
    "hoodie": Cut("long", 0.0, 0.0, "hood", ("pocket", "strings")),
    "coat": Cut("long", 0.56, 0.14, "lapel", ("buttons", "belt")),
    "uniform": Cut("short", 0.4, 0.2, "sailor", ("pleats", "bow")),
    "costume": Cut("puff", 0.42, 0.42, "sweetheart", ("ruffles", "bow", "sparkle")),
    "suit": Cut("long", 0.0, 0.0, "lapel", ("tie",)),
}


@dataclass(frozen=True)
class Outfit:
    """A cut in its colours; `trousers` only where the cut or the wearer has them."""

    cut: Cut
    cloth: Colour
    trim: Colour
    shoe: Colour
    sock: Colour | None
    trousers: Colour | None
