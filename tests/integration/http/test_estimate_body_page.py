"""The page in a real browser, against a real server with the real model."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageStat

from devtools.pictures.synthetic_person import draw_person, jpeg
from tests.integration.http.chromium import Chromium, executable
from tests.integration.http.sizing_service import sizing
from tests.integration.providers.pose.drawn import two_people

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    executable() is None and not os.environ.get("CI"),  # in CI a missing browser is a failure
    reason="THE PAGE WAS NOT TRIED IN A BROWSER: install Chromium (apt-get install chromium)",
)
#: The sum of the canvas's pixels, which changes when something is drawn on it.
PIXELS = """(() => { const canvas = document.getElementById("canvas");
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let sum = 0; for (const value of data) sum += value; return sum })()"""
ANSWERED = "!document.getElementById('result').hidden && document.getElementById('go').textContent === 'Update'"


@pytest.fixture(scope="module")
def page_url(tmp_path_factory: pytest.TempPathFactory, redis_url: str, database_url: str) -> Iterator[str]:
    """The page, served as it is deployed."""
    with sizing(tmp_path_factory.mktemp("page"), redis_url, database_url) as service:
        yield f"{service.url}/estimate-body"


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Chromium]:
    async with Chromium(tmp_path / "profile") as chromium:
        await chromium.look(1440, 940)
        yield chromium
        assert chromium.console == []


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "me.jpg"
    path.write_bytes(jpeg(draw_person()))
    return path


async def text(browser: Chromium, element: str) -> str:
    return str(await browser.evaluate(f"document.getElementById('{element}').innerText"))


async def sized(browser: Chromium, page_url: str, photo: Path) -> None:
    """Open the page, choose the photo, type the height and press Enter."""
    await browser.open(page_url)
    await browser.choose_file("#file", photo)
    await browser.until("document.activeElement.id === 'height_cm'")
    await browser.type("175")
    await browser.press("Enter")
    await browser.until(ANSWERED)


async def test_the_page_works_with_the_keyboard_alone(browser: Chromium, page_url: str, photo: Path) -> None:
    await browser.open(page_url)
    await browser.press("Tab")
    assert await browser.evaluate("document.activeElement.id") == "file"

    await browser.choose_file("#file", photo)  # the one dialog that is not the page's
    await browser.until("document.activeElement.id === 'height_cm'")
    await browser.type("175")
    await browser.press("Tab")
    await browser.type("75")
    await browser.press("Tab")
    await browser.press("ArrowLeft")
    await browser.press("Enter")
    await browser.until(ANSWERED)

    assert await text(browser, "size") == "M"
    assert "69% sure" in await text(browser, "result")
    assert "99.6 cm" in await text(browser, "girths")
    assert await browser.evaluate("document.querySelectorAll('#bars li').length") == 6
    assert await browser.evaluate("document.activeElement.id") == "result"


async def test_the_page_calls_only_its_own_server(browser: Chromium, page_url: str, photo: Path) -> None:
    await sized(browser, page_url, photo)
    outside = [url for url in browser.requested if not url.startswith((page_url, "data:", "blob:"))]

    assert len(browser.requested) >= 2
    assert outside == []


async def test_the_landmarks_are_drawn_on_the_photo_and_can_be_hidden(
    browser: Chromium, page_url: str, photo: Path
) -> None:
    await browser.open(page_url)
    await browser.choose_file("#file", photo)
    await browser.until("!document.getElementById('canvas').hidden")
    bare = await browser.evaluate(PIXELS)
    await browser.type("175")
    await browser.press("Enter")
    await browser.until(ANSWERED)
    drawn = await browser.evaluate(PIXELS)
    await browser.evaluate("document.getElementById('overlay').click()")

    assert drawn != bare
    assert await browser.evaluate(PIXELS) == bare


async def test_the_advice_focuses_the_field_that_helps_and_the_answer_updates(
    browser: Chromium, page_url: str, photo: Path
) -> None:
    await sized(browser, page_url, photo)
    assert "Your weight makes it right for 6 in 10." in await text(browser, "advice")

    await browser.evaluate("document.querySelector('#advice button').click()")
    assert await browser.evaluate("document.activeElement.id") == "weight_kg"
    await browser.type("75")
    await browser.press("Tab")
    await browser.until("!document.getElementById('advice')")
    assert await text(browser, "size") == "M"


async def test_without_a_weight_there_is_a_range_and_no_large_size(
    browser: Chromium, page_url: str, photo: Path
) -> None:
    await sized(browser, page_url, photo)

    assert await browser.evaluate("document.getElementById('size')") is None
    assert "Between" in await text(browser, "undecided")


async def test_an_unknown_weight_is_asked_for_in_kilograms(browser: Chromium, page_url: str, photo: Path) -> None:
    await sized(browser, page_url, photo)
    await browser.until("document.querySelectorAll('#build-choices label').length === 6")
    assert "about 81 kg" in await text(browser, "build-choices")

    await browser.evaluate("document.querySelector('[name=build][value=\"3\"]').click()")
    await browser.until("document.getElementById('size') !== null")
    assert await text(browser, "size") == "L"


async def test_feet_inches_and_pounds_are_accepted_and_shown(browser: Chromium, page_url: str, photo: Path) -> None:
    await sized(browser, page_url, photo)
    await browser.evaluate("document.querySelector('[name=units][value=imperial]').click()")
    await browser.until("document.getElementById('girths').innerText.includes(' in')")

    assert await browser.evaluate(
        "[document.getElementById('height_ft').value, document.getElementById('height_inch').value]"
    ) == ["5", "8.9"]
    await browser.evaluate("document.getElementById('weight_lb').focus()")
    await browser.type("165")
    await browser.press("Tab")
    await browser.until("document.getElementById('size') !== null")


async def test_a_shop_can_try_its_own_chart(browser: Chromium, page_url: str, photo: Path) -> None:
    await sized(browser, page_url, photo)
    await browser.evaluate(
        "document.getElementById('chart').value = 'csv';"
        "document.getElementById('chart').dispatchEvent(new Event('change', {bubbles: true}))"
    )
    await browser.until("document.querySelectorAll('#bars li').length === 3")

    assert await browser.evaluate("document.getElementById('csv-field').hidden") is False


async def test_a_refused_photo_shows_instructions(browser: Chromium, page_url: str, tmp_path: Path) -> None:
    both = tmp_path / "both.jpg"
    both.write_bytes(jpeg(two_people()))
    await browser.open(page_url)
    await browser.choose_file("#file", both)
    await browser.until("document.activeElement.id === 'height_cm'")
    await browser.type("175")
    await browser.press("Enter")
    await browser.until("!document.getElementById('trouble').hidden")

    trouble = await text(browser, "trouble")
    assert "only you" in trouble
    assert "MULTIPLE_PEOPLE" not in trouble
    browser.console.clear()  # the browser notes each 422 there


async def test_a_photo_can_be_taken_with_the_camera(browser: Chromium, page_url: str) -> None:
    await browser.open(page_url)
    await browser.evaluate("document.getElementById('camera').click()")
    await browser.until("document.getElementById('booth').open && document.getElementById('video').videoWidth > 0")
    await browser.evaluate("document.getElementById('now').click()")
    await browser.until("!document.getElementById('canvas').hidden")

    assert await browser.evaluate("document.getElementById('video').srcObject.active") is False


@pytest.mark.parametrize("width", [360, 390, 900, 1440])
@pytest.mark.parametrize("dark", [True, False])
async def test_the_page_fits_a_phone_and_supports_dark_mode(  # noqa: PLR0913 - three fixtures, two parameters
    browser: Chromium, page_url: str, photo: Path, tmp_path: Path, width: int, *, dark: bool
) -> None:
    await browser.look(width, 844, dark=dark, phone=width < 500)
    await sized(browser, page_url, photo)
    await browser.screenshot(tmp_path / "page.png")

    assert await browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    with Image.open(tmp_path / "page.png") as page:
        assert (ImageStat.Stat(page.convert("L").crop((0, 0, 10, 10))).mean[0] < 128) is dark


async def test_the_page_asks_for_a_token_if_one_is_required(
    browser: Chromium, tmp_path: Path, redis_url: str, database_url: str, photo: Path
) -> None:
    with sizing(tmp_path, redis_url, database_url, API_TOKEN="a-secret-of-ours") as service:
        await browser.open(f"{service.url}/estimate-body")
        await browser.choose_file("#file", photo)
        await browser.until("document.activeElement.id === 'height_cm'")
        await browser.type("175")
        await browser.press("Enter")
        await browser.until("document.activeElement.id === 'token'")
        await browser.type("a-secret-of-ours")
        await browser.press("Enter")
        await browser.until(ANSWERED)
    browser.console.clear()  # the browser notes the 401 there
