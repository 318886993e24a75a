from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FIRST_USE = """
import io, threading
from concurrent.futures import ThreadPoolExecutor
from PIL import Image
from pipelines.images import normalize

data = io.BytesIO()
Image.new("RGB", (64, 96), "teal").save(data, "JPEG")
barrier = threading.Barrier(8)

def shrink(_):
    barrier.wait()
    return len(normalize(data.getvalue(), max_px=32, max_pixels=10_000))

with ThreadPoolExecutor(8) as pool:
    print(len(list(pool.map(shrink, range(8)))))
"""


def test_concurrent_first_use_refuses_no_valid_picture() -> None:
    """Given fresh processes, when eight threads decode at once for the first time, then no valid picture is refused."""
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", FIRST_USE],
            cwd=Path(__file__).parents[4],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.strip() == "8", done.stderr
