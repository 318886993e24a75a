from __future__ import annotations

import random
from pathlib import Path

from devtools.fuzz.corpus import pictures
from devtools.fuzz.fuzz import fuzz
from devtools.fuzz.mutate import mutate
from providers.pictures.png import SIGNATURE
from settings import Settings


def test_damaged_pictures_are_decoded_or_refused_and_end_no_decoder(tmp_path: Path) -> None:
    outcome = fuzz(Settings(data_dir=tmp_path, decoder_processes=2), minutes=5, seed=19, most=400)

    assert outcome.data["pictures"] == 400
    assert outcome.data["kept"] == []
    assert outcome.data["outcomes"]["accepted"] > 20
    assert outcome.data["outcomes"]["picture_damaged"] > 20
    assert outcome.ok


def test_a_picture_is_made_again_from_its_seed() -> None:
    original = pictures()["png"]
    made = [mutate(original, random.Random("19-7")) for _ in range(2)]

    assert made[0] == made[1] != original
    assert mutate(SIGNATURE + b"\0", random.Random("1")) is not None
