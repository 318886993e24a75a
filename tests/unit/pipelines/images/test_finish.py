import xml.etree.ElementTree as ET

import pytest
from PIL import Image

from pipelines.images import FinishedImage, finish
from schemas.errors import Transient
from tests.unit.pipelines.images.samples import MAX_PIXELS, encoded, linear_profile, middle, opened, plain


def run(data: bytes, text: str | None = None, credit: str = "Made with AI by Darkroom") -> FinishedImage:
    return finish(data, credit=credit, product="Darkroom 1", max_pixels=MAX_PIXELS, watermark_text=text)


def said(data: bytes) -> dict[str, str | None]:
    """What the XMP packet says, by local name."""
    packet = opened(data).info["xmp"]
    root = ET.fromstring(packet.decode())  # noqa: S314  our own packet
    return {element.tag.rpartition("}")[2]: element.text for element in root.iter()}


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_whatever_the_provider_returned_becomes_a_jpeg_of_its_size(name: str) -> None:
    finished = run(encoded(plain("RGB", (10, 120, 230), (1024, 1536)), name))
    assert (finished.width, finished.height) == opened(finished.data).size == (1024, 1536)
    assert all(abs(a - b) <= 4 for a, b in zip(middle(finished.data), (10, 120, 230), strict=True))


def test_the_picture_says_to_machines_that_it_was_generated() -> None:
    facts = said(run(encoded(plain("RGB", (1, 2, 3)))).data)
    assert facts["DigitalSourceType"] == "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    assert facts["Credit"] == "Made with AI by Darkroom"
    assert facts["CreatorTool"] == "Darkroom 1"


@pytest.mark.parametrize("credit", ["A & B <c>", "\u4f60\u597d", '"quoted"'])
def test_any_credit_survives(credit: str) -> None:
    assert said(run(encoded(plain("RGB", (1, 2, 3))), credit=credit).data)["Credit"] == credit


def test_what_xml_can_not_hold_is_left_out() -> None:
    assert said(run(encoded(plain("RGB", (1, 2, 3))), credit="a\x00b\ud800c\x1f").data)["Credit"] == "abc"


def test_nothing_else_that_the_provider_wrote_is_kept() -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret prompt"
    profile = linear_profile()
    data = run(encoded(plain("RGB", (1, 2, 3)), "JPEG", exif=exif, xmp=b"<secret/>", icc_profile=profile)).data
    assert b"secret" not in data
    assert opened(data).info.keys() & {"exif", "icc_profile", "comment", "xmp"} == {"xmp"}


def test_a_watermark_is_written_if_there_is_a_text() -> None:
    source = encoded(plain("RGB", (255, 255, 255), (512, 512)))
    assert opened(run(source).data).convert("L").getextrema() == (255, 255)
    darkest, _ = opened(run(source, "Darkroom").data).convert("L").getextrema()
    assert isinstance(darkest, int)
    assert darkest < 128


@pytest.mark.parametrize("data", [b"", b"{}", encoded(plain("RGB", 0), "GIF"), encoded(plain("RGB", 0))[:60]])
def test_an_answer_without_a_picture_may_be_asked_for_again(data: bytes) -> None:
    with pytest.raises(Transient) as caught:
        run(data)
    assert caught.value.error_code == "bad_picture"
