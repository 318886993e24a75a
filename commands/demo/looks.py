"""The fourteen looks of the try-on demo."""

from __future__ import annotations

from dataclasses import dataclass

#: Served in place of a picture, so that one task fails as it does when a shop links the wrong file.
SIZE_GUIDE = "Size guide\n\nS   84-92 cm\nM   92-100 cm\nL  100-108 cm\n"


@dataclass(frozen=True, slots=True)
class Look:
    """One try-on: who wears what.

    Attributes:
        channel: `b2c`, a shopper; `b2b`, a shop.
        prompt: What is asked for.
        marker: Tells the mock provider to misbehave.
        fails: Whether it is meant to fail.
        ordered: Whether it is ordered over HTTP; pushed otherwise.
    """

    person: str
    outfit: str
    prompt: str
    channel: str = "b2c"
    accessories: tuple[str, ...] = ()
    marker: str = ""
    fails: bool = False
    ordered: bool = False


LOOKS = (
    Look("Mara", "linen shirt", "Linen shirt, morning light by the window"),
    Look("Mara", "trench coat", "Trench coat and bag, a walk after the rain", accessories=("leather bag",)),
    Look("Theo", "denim jacket", "Denim jacket, late summer on the roof", ordered=True),
    Look("Theo", "striped knit", "Striped knit and scarf, a windy pier", accessories=("silk scarf",)),
    Look("Theo", "size guide", "Whatever the shop linked here", fails=True),
    Look("Amina", "summer dress", "Summer dress and straw hat, garden party", "b2b", ("straw hat",), ordered=True),
    Look("Amina", "trench coat", "Trench coat, first day of autumn", "b2b"),
    Look("Amina", "green suit", "Green suit, opening night", "b2b"),
    Look("Jun", "green suit", "Green suit and bag, the big presentation", "b2b", ("leather bag",)),
    Look("Jun", "striped knit", "Striped knit, Sunday in the studio", "b2b", ordered=True),
    Look("Mara", "summer dress", "A prompt that the safety filter refuses", marker="[mock:moderation]", fails=True),
    Look("Jun", "denim jacket", "Denim jacket and straw hat, field trip", "b2b", ("straw hat",)),
    Look("Amina", "linen shirt", "Linen shirt and scarf, slow afternoon", "b2b", ("silk scarf",)),
    Look("Theo", "green suit", "Green suit, a wedding in the country", ordered=True),
)
