"""The gates of the size recommendation: their codes, and the sentence for the person."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Gate(StrEnum):
    """The codes of the gates, in the order in which they apply.

    Two reasons come earlier than their code: a raised foot (NOT_STANDING) before BODY_CROPPED, because the raised leg
    hides joints, and a turned picture (NOT_UPRIGHT) before bent legs.
    """

    HEIGHT_OUT_OF_RANGE = "HEIGHT_OUT_OF_RANGE"
    WEIGHT_OUT_OF_RANGE = "WEIGHT_OUT_OF_RANGE"
    IMAGE_TOO_SMALL = "IMAGE_TOO_SMALL"
    NO_PERSON = "NO_PERSON"
    MULTIPLE_PEOPLE = "MULTIPLE_PEOPLE"
    PERSON_TOO_SMALL = "PERSON_TOO_SMALL"
    BODY_CROPPED = "BODY_CROPPED"
    NOT_STANDING = "NOT_STANDING"
    NOT_UPRIGHT = "NOT_UPRIGHT"
    NOT_FRONTAL = "NOT_FRONTAL"
    BACK_VIEW = "BACK_VIEW"


#: What the person should do differently.
SENTENCES: Mapping[Gate, str] = {
    Gate.HEIGHT_OUT_OF_RANGE: "Please check the height: sizes can be estimated from 140 to 210 cm (4 ft 7 to 6 ft 10).",
    Gate.WEIGHT_OUT_OF_RANGE: (
        "Please check the weight: sizes can be estimated from 35 to 180 kg (77 to 397 lb), and only where weight and "
        "height go together (a body mass index from 15 to 50)."
    ),
    Gate.IMAGE_TOO_SMALL: "The picture is too small. Please use one of at least 200 by 300 pixels.",
    Gate.NO_PERSON: "No person was found. Please use a photo that shows one person from head to feet.",
    Gate.MULTIPLE_PEOPLE: "There is more than one person. Please use a photo that shows only you.",
    Gate.PERSON_TOO_SMALL: "The person is too small in the picture. Please step closer, or cut the picture around you.",
    Gate.BODY_CROPPED: (
        "Not all of the body can be seen. Please step back until head, hands and both feet are in the picture."
    ),
    Gate.NOT_STANDING: (
        "You are not standing on both feet with straight legs. Please do: bending, sitting, lunging or lifting a foot "
        "hides your proportions."
    ),
    Gate.NOT_UPRIGHT: "The person leans. Please stand straight, and hold the camera straight.",
    Gate.NOT_FRONTAL: "Please face the camera: shoulders and hips should be turned to it squarely.",
    Gate.BACK_VIEW: "This shows your back. Please turn around and face the camera.",
}
TURN_THE_PICTURE = "The picture is on its side or upside down. Please turn it so that you stand upright in it."
