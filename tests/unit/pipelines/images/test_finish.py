import xml.etree.ElementTree as ET

import pytest
from PIL import Image

from pipelines.images import FinishedImage, finish
from schemas.errors import Transient
from tests.unit.pipelines.images.samples import MAX_PIXELS, encoded, linear_profile, middle, opened, plain


def finished_image(data: bytes, text: str | None = None, credit: str = "Made with AI by Darkroom") -> FinishedImage:
    return finish(data, credit=credit, product="Darkroom 1", max_pixels=MAX_PIXELS, watermark_text=text)


def xmp_fields(data: bytes) -> dict[str, str | None]:
    """Return the text of the XMP elements by local name."""
    packet = opened(data).info["xmp"]
    root = ET.fromstring(packet.decode())  # noqa: S314  our own packet
    return {element.tag.rpartition("}")[2]: element.text for element in root.iter()}


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_every_accepted_format_becomes_a_jpeg_of_the_same_size(name: str) -> None:
    finished = finished_image(encoded(plain("RGB", (10, 120, 230), (1024, 1536)), name))
    assert (finished.width, finished.height) == opened(finished.data).size == (1024, 1536)
    assert all(abs(a - b) <= 4 for a, b in zip(middle(finished.data), (10, 120, 230), strict=True))


def test_metadata_marks_the_picture_as_generated() -> None:
    fields = xmp_fields(finished_image(encoded(plain("RGB", (1, 2, 3)))).data)
    assert fields["DigitalSourceType"] == "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    assert fields["Credit"] == "Made with AI by Darkroom"
    assert fields["CreatorTool"] == "Darkroom 1"


@pytest.mark.parametrize("credit", ["A & B <c>", "\u4f60\u597d", '"quoted"'])
def test_any_credit_line_is_escaped_in_the_metadata(credit: str) -> None:
    assert xmp_fields(finished_image(encoded(plain("RGB", (1, 2, 3))), credit=credit).data)["Credit"] == credit


def test_characters_that_xml_forbids_are_removed() -> None:
    finished = finished_image(encoded(plain("RGB", (1, 2, 3))), credit="a\x00b\ud800c\x1f")
    assert xmp_fields(finished.data)["Credit"] == "abc"


def test_the_providers_metadata_is_removed() -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret prompt"
    profile = linear_profile()
    source = encoded(plain("RGB", (1, 2, 3)), "JPEG", exif=exif, xmp=b"<secret/>", icc_profile=profile)
    data = finished_image(source).data
    assert b"secret" not in data
    assert opened(data).info.keys() & {"exif", "icc_profile", "comment", "xmp"} == {"xmp"}


def test_a_watermark_is_drawn_only_if_a_text_is_given() -> None:
    source = encoded(plain("RGB", (255, 255, 255), (512, 512)))
    assert opened(finished_image(source).data).convert("L").getextrema() == (255, 255)
    darkest, _ = opened(finished_image(source, "Darkroom").data).convert("L").getextrema()
    assert isinstance(darkest, int)
    assert darkest < 128


@pytest.mark.parametrize("data", [b"", b"{}", encoded(plain("RGB", 0), "GIF"), encoded(plain("RGB", 0))[:60]])
def test_an_answer_without_a_picture_raises_a_transient_error(data: bytes) -> None:
    with pytest.raises(Transient) as caught:
        finished_image(data)
    assert caught.value.error_code == "bad_picture"
