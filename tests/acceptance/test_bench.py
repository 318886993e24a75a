import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FIGURES = {
    "idle": {"to_provider_ms_p50", "to_provider_ms_p95", "to_completed_ms_p50", "to_completed_ms_p95"},
    "efficiency": {"ratio", "jobs_per_s", "bare_jobs_per_s"},
    "overhead": {"cpu_ms_per_task", "ratio_to_celery", "ratio_to_one_message"},
    "ingest": {"per_s"},
    "inflight": {"tasks", "peak_in_flight", "makespan_ratio", "rss_mb", "waiting_core_share"},
    "growth": {"ratio_max"},
    "size": {"idle_mb", "loaded_mb", "import_actors_s", "help_s"},
    "fairness": {"wait_ratio"},
    "images": {"jpeg_1mp"},
}


def _manage(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "bench", *arguments, "--json"],
        cwd=ROOT,
        env=os.environ | {"DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )


def test_all_parts_are_measured_printed_as_one_object_and_plotted(tmp_path: Path) -> None:
    done = _manage(tmp_path, "--quick")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    for part, figures in FIGURES.items():
        assert figures <= set(found[part]), part
    page = (tmp_path / "bench" / "index.html").read_text()
    assert page.count("<svg") == len(FIGURES)
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert json.loads((tmp_path / "bench" / "bench.json").read_text())["idle"] == found["idle"]


def test_one_part_is_compared_with_an_earlier_run(tmp_path: Path) -> None:
    earlier = tmp_path / "earlier.json"
    earlier.write_text(json.dumps({"size": {"help_s": 1000.0}}))
    done = _manage(tmp_path, "--quick", "--only", "size", "--baseline", str(earlier))
    assert done.returncode == 0, done.stderr
    assert "-100 %" in (tmp_path / "bench" / "index.html").read_text()


def test_an_unknown_part_is_reported_with_the_known_ones(tmp_path: Path) -> None:
    done = _manage(tmp_path, "--only", "speed")
    assert done.returncode == 1
    assert "speed" in done.stderr
    assert "fairness" in done.stderr
