from __future__ import annotations

import asyncio
import http.server
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from falcon.testing import ASGIConductor, Result

from api.sizing.estimate_body import EstimateBody, Feedback
from api.sizing.size_feedback import EstimateIds
from api.sizing.size_shifts import SizeShifts
from api.system.openapi import document
from devtools.pictures.synthetic_person import draw_person, jpeg
from pipelines.sizing.chart import BUILT_IN
from pipelines.sizing.populations import DEFAULT
from providers.fetch import Fetcher, FetchPolicy
from providers.pose.fake import FakeEstimator, standing_pose
from providers.pose.pool import PosePool
from providers.records.size_feedback import SizeFeedbackRecords
from schemas.errors import Invalid
from schemas.gates import SENTENCES, Gate
from schemas.size_charts import Chart, Girth
from tests.in_process import decode
from tests.integration.http.sizing_app import MAX_PICTURE_BYTES, NoDatabase, build
from tests.unit.pipelines.sizing.bodies import with_visibility

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from providers.pose.base import Pose

PHOTO = jpeg(draw_person())
MAN: dict[str, Any] = {"height_cm": 175, "weight_kg": 75, "sex": "male"}
JEANS = Chart(girth=Girth.WAIST, sizes=("30", "32", "34", "36"), bounds_cm=(79, 84, 89))
BOUNDARY = "----darkroom"


@pytest.fixture
def poses() -> list[Pose]:
    """The poses that the model finds; a test may change them."""
    return [standing_pose()]


@pytest.fixture
async def service(poses: list[Pose]) -> AsyncIterator[ASGIConductor]:
    class Estimator(FakeEstimator):
        def detect(self, rgb: NDArray[np.uint8]) -> tuple[Pose, ...]:
            super().detect(rgb)
            return tuple(poses)

    async with ASGIConductor(build(PosePool(Estimator, decode, size=1), {**BUILT_IN, "jeans": JEANS})) as conductor:
        yield conductor


@pytest.fixture
def photo_url() -> Iterator[str]:
    """The address of a server on this machine that has a photo at /photo.jpg and a text at /text."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            contents = {"/photo.jpg": PHOTO, "/text": b"hello, world"}
            body = contents.get(self.path, b"")
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/photo.jpg"
        server.shutdown()


def form(picture: bytes | None, **fields: object) -> dict[str, Any]:
    """Arguments for a form with these parts."""
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    if picture is not None:
        head = 'Content-Disposition: form-data; name="image"; filename="me.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
        parts.append(head.encode() + picture)
    body = b"".join(b"--" + BOUNDARY.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return {"body": body + b"--" + BOUNDARY.encode() + b"--\r\n", "headers": headers}


async def upload(service: ASGIConductor, picture: bytes | None = PHOTO, query: str = "", **fields: object) -> Result:
    result: Result = await service.simulate_post("/estimate-body", query_string=query, **form(picture, **fields))
    return result


async def ask(service: ASGIConductor, **fields: object) -> Result:
    result: Result = await service.simulate_post("/estimate-body", json=fields)
    return result


async def test_a_photo_url_gives_a_size(service: ASGIConductor, photo_url: str) -> None:
    result = await ask(service, image_url=photo_url, **MAN)

    assert result.status_code == 200
    assert result.json["recommended_size"] == "M"
    assert result.json["measurements"]["chest_cm"] == 99.6
    assert result.json["size_range"] == {"lower": "M", "upper": "L"}
    assert result.json["used"] == ["photo", "height_cm", "weight_kg", "sex"]
    assert "landmarks" not in result.json


async def test_an_uploaded_photo_gives_the_same_size(service: ASGIConductor, photo_url: str) -> None:
    assert (await upload(service, **MAN)).json == (await ask(service, image_url=photo_url, **MAN)).json


async def test_the_height_is_the_only_required_fact(service: ASGIConductor) -> None:
    answer = (await upload(service, height_cm=175)).json

    assert answer["improve"]["fact"] == "weight_kg"
    assert sum(answer["size_probabilities"].values()) == pytest.approx(1)


async def test_empty_form_fields_count_as_missing(service: ASGIConductor) -> None:
    result = await upload(service, height_cm=175, weight_kg="", build="", age="", chart="", utm="x")

    assert result.status_code == 200
    assert result.json["used"] == ["photo", "height_cm"]


async def test_landmarks_are_returned_on_request(service: ASGIConductor) -> None:
    landmarks = (await upload(service, query="landmarks=true", **MAN)).json["landmarks"]

    assert len(landmarks) == 33
    assert landmarks[0] == {"x": 0.5, "y": 0.14, "visibility": 0.99}


async def test_a_shops_chart_can_be_selected_or_sent_along(service: ASGIConductor, photo_url: str) -> None:
    own = JEANS.model_dump(mode="json")

    assert (await upload(service, chart="jeans", **MAN)).json["recommended_size"] == "34"
    assert (await upload(service, chart=json.dumps(own), **MAN)).json["recommended_size"] == "34"
    assert (await ask(service, image_url=photo_url, chart=own, **MAN)).json["chart"] == "own"


async def test_a_chart_can_be_sent_as_csv(service: ASGIConductor) -> None:
    lines = "girth,size,garment_cm,ease_cm\nchest,S,104,12\nchest,M,112,12\nchest,L,120,12\n"
    answer = (await upload(service, chart=lines, **MAN)).json

    assert (answer["chart"], answer["recommended_size"]) == ("own", "M")
    broken = await upload(service, chart=lines.replace("12", "much"), **MAN)
    assert (broken.status_code, broken.json["code"]) == (422, "size_chart")


async def test_height_and_weight_may_be_inches_and_pounds(service: ASGIConductor) -> None:
    imperial = (await upload(service, height_in=68.9, weight_lb=165.3, sex="male")).json
    metric = (await upload(service, height_cm=175, weight_kg=75, sex="male")).json

    assert imperial["measurements"]["chest_cm"] == pytest.approx(metric["measurements"]["chest_cm"], abs=0.1)


async def test_builds_are_returned_as_weights_of_civilians(service: ASGIConductor) -> None:
    result = await service.simulate_get("/estimate-body/builds", params={"height_cm": "165", "sex": "female"})

    assert result.status_code == 200
    assert [build["build"] for build in result.json["builds"]] == [1, 2, 3, 4, 5]
    assert result.json["builds"][2]["weight_kg"] == pytest.approx(25.9 * 1.65**2, abs=0.5)
    assert "England" in result.json["source"]


async def test_without_a_weight_no_size_is_decided(service: ASGIConductor) -> None:
    answer = (await upload(service, height_cm=175, sex="male")).json

    assert answer["decided"] is False
    assert answer["recommended_size"]
    assert answer["message"].endswith("Your weight makes it right for 6 in 10.")


async def test_only_an_estimate_for_a_shop_has_an_id(service: ASGIConductor) -> None:
    assert (await upload(service, store_id="shop-1", **MAN)).json["estimate_id"]
    assert (await upload(service, **MAN)).json["estimate_id"] is None


async def test_an_estimate_works_while_the_feedback_database_is_unavailable(service: ASGIConductor) -> None:
    for _ in range(3):
        assert (await upload(service, store_id="shop-1", **MAN)).json["feedback_shift_cm"] == 0


async def test_a_refused_photo_gives_a_code_a_sentence_and_the_measured_values(
    service: ASGIConductor, poses: list[Pose]
) -> None:
    poses[:] = [with_visibility(standing_pose(), 27, 0.2)]
    result = await upload(service, **MAN)

    assert result.status_code == 422
    assert result.headers["content-type"] == "application/problem+json"
    assert result.json["code"] == "BODY_CROPPED"
    assert result.json["message"] == result.json["detail"] == SENTENCES[Gate.BODY_CROPPED]
    assert result.json["landmark_visibility"]["left_ankle"] == 0.2


async def test_a_photo_without_a_person_is_refused(service: ASGIConductor, poses: list[Pose]) -> None:
    poses.clear()
    assert (await upload(service, **MAN)).json["code"] == "NO_PERSON"


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"height_cm": 300}, "HEIGHT_OUT_OF_RANGE"),
        ({"height_cm": 175, "weight_kg": 500}, "WEIGHT_OUT_OF_RANGE"),
        ({"height_cm": 175, "chart": "hats"}, "unknown_chart"),
    ],
)
async def test_a_fact_out_of_range_is_refused_before_the_picture_is_fetched(
    service: ASGIConductor, facts: dict[str, object], code: str
) -> None:
    result = await ask(service, image_url="http://127.0.0.1:9/nobody-listens", **facts)
    assert (result.status_code, result.json["code"]) == (422, code)


async def test_a_body_of_the_wrong_shape_is_refused_with_every_fault(service: ASGIConductor) -> None:
    result = await ask(service, image_url="ftp://x.example/y", height_cm="tall", sex="both", build=9)

    assert result.status_code == 422
    assert {fault["pointer"] for fault in result.json["errors"]} == {"#/image_url", "#/height_cm", "#/sex", "#/build"}


async def test_a_form_of_the_wrong_shape_is_refused_with_every_fault(service: ASGIConductor) -> None:
    result = await upload(service, height_cm="tall", age="old")
    assert {fault["pointer"] for fault in result.json["errors"]} == {"#/height_cm", "#/age"}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"height=175"])
async def test_a_body_that_is_not_json_is_refused(service: ASGIConductor, body: bytes) -> None:
    result = await service.simulate_post("/estimate-body", body=body)
    assert result.status_code == 400


async def test_nan_is_refused(service: ASGIConductor) -> None:
    body = b'{"image_url": "https://shop.example/a.jpg", "height_cm": NaN}'
    assert (await service.simulate_post("/estimate-body", body=body)).status_code in {400, 422}


async def test_a_request_with_no_picture_or_two_is_refused(service: ASGIConductor) -> None:
    for result in (
        await ask(service, height_cm=175),
        await upload(service, None, height_cm=175),
        await upload(service, b"", height_cm=175),
        await upload(service, image_url="https://shop.example/a.jpg", height_cm=175),
    ):
        assert (result.status_code, result.json["code"]) == (422, "picture_unclear")


async def test_another_content_type_is_refused(service: ASGIConductor) -> None:
    result = await service.simulate_post("/estimate-body", body=PHOTO, headers={"Content-Type": "image/jpeg"})
    assert result.status_code == 415


@pytest.mark.parametrize("picture", [b"hello, world", PHOTO[:200], b"\x89PNG\r\n\x1a\n" + bytes(40)])
async def test_an_upload_that_is_not_a_picture_is_refused(service: ASGIConductor, picture: bytes) -> None:
    assert (await upload(service, picture, height_cm=175)).status_code == 400


async def test_an_upload_that_is_too_large_is_refused(service: ASGIConductor) -> None:
    result = await upload(service, bytes(MAX_PICTURE_BYTES + 1), height_cm=175)
    assert result.status_code == 413


async def test_a_damaged_form_is_refused(service: ASGIConductor) -> None:
    arguments = form(PHOTO, height_cm=175)
    arguments["body"] = arguments["body"][:2000]
    assert (await service.simulate_post("/estimate-body", **arguments)).status_code == 400
    for chart in ("{broken", '{"sizes":' * 7_000, '{"sizes":' + "[" * 60_000):
        assert (await upload(service, height_cm=175, chart=chart)).json["code"] == "malformed_form"


@pytest.mark.parametrize("path", ["/nothing", "/text"])
async def test_the_error_of_a_failed_fetch_does_not_contain_the_url(
    service: ASGIConductor, photo_url: str, path: str
) -> None:
    result = await ask(service, image_url=photo_url.replace("/photo.jpg", path + "?signature=secret"), height_cm=175)

    assert result.status_code == 400
    assert result.json["detail"].startswith("The photo ")
    assert "secret" not in result.text
    assert "127.0.0.1" not in result.text


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/a.jpg", "http://169.254.169.254/latest", "http://10.0.0.1/a.jpg"])
async def test_a_url_that_is_unreachable_or_private_is_refused(service: ASGIConductor, url: str) -> None:
    assert (await ask(service, image_url=url, height_cm=175)).status_code == 400


async def test_without_a_model_the_error_names_the_cause() -> None:
    def load() -> FakeEstimator:
        raise Invalid("there is no pose model: run `python manage.py pose-model`")

    for pool in (None, PosePool(load, decode, size=1)):
        async with ASGIConductor(build(pool)) as conductor:
            result = await upload(conductor, **MAN)
        assert (result.status_code, result.json["code"]) == (503, "pose_model_not_loaded")
        assert "Retry-After" in result.headers
        assert "model is not loaded" in result.json["detail"]


async def test_a_full_queue_is_answered_with_retry_after() -> None:
    go, entered = threading.Event(), threading.Event()

    class Slow(FakeEstimator):
        def detect(self, rgb: NDArray[np.uint8]) -> tuple[Pose, ...]:
            entered.set()
            go.wait(10)
            return super().detect(rgb)

    async with ASGIConductor(build(PosePool(Slow, decode, size=1, max_waiting=0))) as conductor:
        first = asyncio.create_task(upload(conductor, **MAN))
        await asyncio.to_thread(entered.wait, 10)
        second = await upload(conductor, **MAN)
        go.set()
        assert (await first).status_code == 200

    assert (second.status_code, second.json["code"]) == (429, "pose_busy")
    assert second.headers["Retry-After"] == "1"


async def test_the_page_may_not_load_external_resources(service: ASGIConductor) -> None:
    result = await service.simulate_get("/estimate-body")
    policy = result.headers["Content-Security-Policy"]

    assert result.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "https://" not in result.text.replace("https://www.w3.org", "")


def test_every_gate_is_in_the_openapi_description() -> None:
    records, ids = SizeFeedbackRecords(NoDatabase()), EstimateIds(b"key")
    feedback = Feedback(SizeShifts(records), ids)
    resource = EstimateBody(
        None, Fetcher(FetchPolicy()), BUILT_IN, DEFAULT, feedback=feedback, max_picture_bytes=MAX_PICTURE_BYTES
    )
    described = document([("/estimate-body", resource)], "/")
    request = described["components"]["schemas"]["EstimateRequest"]["description"]

    assert all(f"`{gate}`: {SENTENCES[gate]}" in request for gate in Gate)
    assert set(described["paths"]["/estimate-body"]) == {"get", "post"}
    assert {"400", "422", "429", "503"} <= set(described["paths"]["/estimate-body"]["post"]["responses"])
