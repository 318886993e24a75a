"""Try-on tasks of the demo."""

from __future__ import annotations

from dataclasses import dataclass

#: Text file served as a picture, so that one task fails as with a wrong link of a shop.
SIZE_GUIDE = "Size guide\n\nS   84-92 cm\nM   92-100 cm\nL  100-108 cm\n"


@dataclass(frozen=True, slots=True)
class Look:
    """One try-on task.

    Attributes:
        channel: `b2c`, a shopper; `b2b`, a shop.
        prompt: Prompt; `{outfit}` stands for the name of the outfit.
        marker: Text in the prompt that makes the mock provider fail.
        fails: Whether it is expected to fail.
        ordered: Whether it is ordered over HTTP instead of pushed.
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
    Look("Mara", "linen shirt", "{outfit}, morning light by the window"),
    Look("Mara", "trench coat", "{outfit} and bag, a walk after the rain", accessories=("leather bag",)),
    Look("Theo", "denim jacket", "{outfit}, late summer on the roof", ordered=True),
    Look("Theo", "striped knit", "{outfit} and scarf, a windy pier", accessories=("silk scarf",)),
    Look("Theo", "size guide", "A link to a text file instead of a picture", fails=True),
    Look("Amina", "summer dress", "{outfit} and straw hat, garden party", "b2b", ("straw hat",), ordered=True),
    Look("Amina", "trench coat", "{outfit}, first day of autumn", "b2b"),
    Look("Amina", "green suit", "{outfit}, opening night", "b2b"),
    Look("Jun", "green suit", "{outfit} and bag, the big presentation", "b2b", ("leather bag",)),
    Look("Jun", "striped knit", "{outfit}, Sunday in the studio", "b2b", ordered=True),
    Look("Mara", "summer dress", "A prompt that the safety filter refuses", marker="[mock:moderation]", fails=True),
    Look("Jun", "denim jacket", "{outfit} and straw hat, field trip", "b2b", ("straw hat",)),
    Look("Amina", "linen shirt", "{outfit} and scarf, slow afternoon", "b2b", ("silk scarf",)),
    Look("Theo", "green suit", "{outfit}, a wedding in the country", ordered=True),
)
