"""`manage.py bench images`: the cost of resizing a picture to a 1024-pixel JPEG, next to libvips' thumbnail.

Each case runs in its own process, so that its peak memory is separate; it includes the interpreter and the loaded
libraries. The reference for the SSIM is decoded at full size and resized in one Lanczos step.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from io import BytesIO
from itertools import product
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

from PIL import Image

from devtools.bench.photo import draw_photo, saved
from pipelines.images import normalize
from pipelines.images.ssim import ssim
from pipelines.images.vips import libvips

if TYPE_CHECKING:
    from devtools.bench.scale import Scale
    from devtools.bench.testbed import BenchTestbed

FORMATS = ("jpeg", "png", "webp")
MEGAPIXELS = (1, 2, 4, 12, 24, 40)
_MAX_PX = 1024
_QUALITY = 90
_MAX_PIXELS = 41_000_000
_SAVE: dict[str, dict[str, int]] = {"jpeg": {"quality": 85}, "png": {"compress_level": 1}, "webp": {"method": 0}}

#: Costs by name, and the encoded output.
_Measured: TypeAlias = tuple[dict[str, float], bytes]


def bench_images(
    *, formats: Sequence[str] = FORMATS, megapixels: Sequence[int] = MEGAPIXELS, rounds: int = 5
) -> dict[str, dict[str, float]]:
    """Measure every format at every size.

    Args:
        formats: Any of `jpeg`, `png`, `webp`.
        megapixels: Sizes of the inputs, aspect ratio 4:3.
        rounds: Number of repetitions; the fastest counts.

    Returns:
        By case (such as `jpeg_12mp`): `cpu_ms` (CPU milliseconds of all threads), `peak_mb` (peak memory of the
        process), `ssim` (of the luma, 1 is identical), `cpu_ratio_to_libvips`, `libvips_cpu_ms` and `input_mb`.
    """
    return {f"{name}_{size}mp": _measured(name, size, rounds) for name, size in product(formats, megapixels)}


def measure(_testbed: BenchTestbed, scale: Scale) -> dict[str, dict[str, float]]:
    """Measure the image sizes of `scale`."""
    return bench_images(megapixels=scale.image_mp, rounds=3)


def _measured(name: str, megapixels: int, rounds: int) -> dict[str, float]:
    data = _photo(name, megapixels)
    with TemporaryDirectory() as folder:
        photo = Path(folder, "photo")
        photo.write_bytes(data)
        ours, output = _in_new_process(_time_normalize, photo, rounds)
        theirs, _ = _in_new_process(_time_libvips, photo, rounds)
    return {
        "cpu_ms": round(ours["cpu_ms"], 1),
        "peak_mb": round(ours["peak_mb"], 1),
        "ssim": round(ssim(_luma(output), _luma(_reference(data))), 4),
        "cpu_ratio_to_libvips": round(ours["cpu_ms"] / theirs["cpu_ms"], 3),
        "libvips_cpu_ms": round(theirs["cpu_ms"], 1),
        "input_mb": round(len(data) / 1_000_000, 2),
    }


def _time_normalize(photo: Path, rounds: int) -> _Measured:
    data = photo.read_bytes()
    return _timed(lambda: normalize(data, max_px=_MAX_PX, max_pixels=_MAX_PIXELS, quality=_QUALITY), rounds)


def _time_libvips(photo: Path, rounds: int) -> _Measured:
    data = photo.read_bytes()

    def thumbnail() -> bytes:
        image = libvips().Image.thumbnail_buffer(data, _MAX_PX, height=_MAX_PX, size="down")
        return bytes(image.jpegsave_buffer(Q=_QUALITY, keep="none", subsample_mode="on"))

    return _timed(thumbnail, rounds)


def _timed(work: Callable[[], bytes], rounds: int) -> _Measured:
    costs = []
    output = work()  # load the libraries before the measurement
    for _ in range(rounds):
        before = time.process_time()
        work()
        costs.append(time.process_time() - before)
    return {"cpu_ms": min(costs) * 1000, "peak_mb": _peak_mb()}, output


def _in_new_process(work: Callable[[Path, int], _Measured], photo: Path, rounds: int) -> _Measured:
    """Run `work` in a fresh interpreter."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, work, photo, rounds))
    process.start()
    sender.close()
    costs, output = receiver.recv()
    process.join()
    return costs, output


def _send(sender: Connection, work: Callable[[Path, int], _Measured], photo: Path, rounds: int) -> None:
    sender.send(work(photo, rounds))


def _peak_mb() -> float:
    """Return the peak memory of this process; `ru_maxrss` would start at that of its parent."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def _reference(data: bytes) -> bytes:
    image = Image.open(BytesIO(data)).convert("RGB")
    image.thumbnail((_MAX_PX, _MAX_PX), Image.Resampling.LANCZOS, reducing_gap=None)
    return saved(image, "jpeg", quality=_QUALITY)


def _photo(name: str, megapixels: int) -> bytes:
    return saved(draw_photo(megapixels), name, **_SAVE[name])


def _luma(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data)).convert("L")
