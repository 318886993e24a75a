"""Output of native code to standard error: known notices are dropped, all other lines are forwarded."""

from __future__ import annotations

import subprocess
import sys

from tests.integration.providers.pose.model import ROOT, installed_model

NOTICE = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU."


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_known_notices_are_dropped_and_other_lines_forwarded_in_order() -> None:
    code = f"""
import os
from providers.pose.native_log import NATIVE_LOG
with NATIVE_LOG.filtered():
    os.write(2, b"first\\n")
    with NATIVE_LOG.filtered():
        os.write(2, b"{NOTICE}\\n")
        os.write(2, b"E0000 00:00:1 3 calculator_graph.cc:928] it failed\\n")
    os.write(2, b"{NOTICE} And more\\n")
os.write(2, b"after: {NOTICE}\\n")
"""
    assert run(code).stderr.splitlines() == [
        "first",
        "E0000 00:00:1 3 calculator_graph.cc:928] it failed",
        f"{NOTICE} And more",
        f"after: {NOTICE}",
    ]


def test_written_lines_are_forwarded_even_after_an_exception() -> None:
    code = """
import os
from providers.pose.native_log import NATIVE_LOG
try:
    with NATIVE_LOG.filtered():
        os.write(2, b"why\\n")
        raise ValueError
except ValueError:
    pass
"""
    assert run(code).stderr == "why\n"


def test_a_crash_inside_leaves_a_traceback() -> None:
    code = """
import os
from providers.pose.native_log import NATIVE_LOG
with NATIVE_LOG.filtered():
    os.abort()
"""
    done = run(code)
    assert done.returncode < 0
    assert "Fatal Python error: Aborted" in done.stderr


def test_loading_the_model_and_detecting_a_person_logs_nothing() -> None:
    code = """
import io, sys
from pathlib import Path
import numpy
from PIL import Image
from devtools.pictures.synthetic_person import draw_person, jpeg
from providers.pose.load import load_estimator
estimator = load_estimator(Path(sys.argv[1]))
person = numpy.asarray(Image.open(io.BytesIO(jpeg(draw_person()))).convert("RGB"))
for _ in range(2):
    assert estimator.detect(person)
estimator.close()
"""
    done = run(code, str(installed_model()))
    assert (done.returncode, done.stderr) == (0, "")
