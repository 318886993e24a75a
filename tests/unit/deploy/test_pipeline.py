import re
from pathlib import Path

import pytest

from tests.unit.deploy.files import ROOT, read

WORKFLOW = ROOT / ".github/workflows/ci-cd.yml"
WEEKLY = ROOT / ".github/workflows/weekly.yml"


@pytest.mark.parametrize("path", [WORKFLOW, WEEKLY], ids=lambda path: path.stem)
def test_actions_are_pinned_to_a_commit(path: Path) -> None:
    uses = re.findall(r"uses: (\S+)", path.read_text())

    assert uses
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", name) for name in uses)


def test_only_a_push_to_main_publishes_and_deploys() -> None:
    workflow = read(WORKFLOW)
    # YAML 1.1 reads the word `on` as true.
    assert workflow[True] == {"pull_request": None, "push": {"branches": ["main"]}}
    assert workflow["jobs"]["deploy"]["if"] == "github.event_name == 'push'"
    publishing = [step for step in workflow["jobs"]["image"]["steps"] if "push" in str(step.get("run"))]
    assert publishing
    assert all(step.get("if") == "github.event_name == 'push'" for step in publishing)


def test_published_images_are_audited_scanned_and_signed() -> None:
    job = read(WORKFLOW)["jobs"]["image"]
    scripts = [step.get("run", "") for step in job["steps"]]
    order = ["podman build", "pip-audit", "cyclonedx-py", '"$SCANNER"', "podman push", "cosign sign"]
    found = [next(index for index, script in enumerate(scripts) if word in script) for word in order]

    assert found == sorted(found)
    assert {entry["lock"] for entry in job["strategy"]["matrix"]["include"]} == {
        "requirements-http.txt", "requirements-worker.txt",
    }  # fmt: skip
    assert job["permissions"]["id-token"] == "write"


def test_only_linted_tested_and_built_commits_are_deployed() -> None:
    assert set(read(WORKFLOW)["jobs"]["deploy"]["needs"]) == {"lint", "test", "image"}


def test_jobs_have_minimal_permissions() -> None:
    workflow = read(WORKFLOW)

    assert workflow["permissions"] == {"contents": "read"}
    assert {name for name, job in workflow["jobs"].items() if "write" in str(job.get("permissions"))} == {"image"}


def test_tests_get_placeholders_and_no_secret() -> None:
    job = str(read(WORKFLOW)["jobs"]["test"])

    assert "secrets." not in job
    assert "placeholder" in job


@pytest.mark.parametrize("path", [WORKFLOW, WEEKLY], ids=lambda path: path.stem)
def test_untrusted_text_is_never_interpolated_into_a_script(path: Path) -> None:
    jobs = read(path)["jobs"].values()
    scripts = [step["run"] for job in jobs for step in job["steps"] if "run" in step]

    assert not [script for script in scripts if "${{" in script]


def test_both_commands_run_weekly_on_plain_debian_as_root_and_as_a_user() -> None:
    workflow = read(WEEKLY)
    job = workflow["jobs"]["newcomer"]
    scripts = [step["run"] for step in job["steps"] if "run" in step]

    assert [entry["cron"].split()[-1] for entry in workflow[True]["schedule"]] == ["1"]
    assert job["strategy"]["matrix"] == {"debian": ["bookworm", "trixie"], "account": ["root", "newcomer"]}
    assert any("apt-get install --yes make git python3-venv\n" in script for script in scripts)
    assert [script.rpartition("CI=true ")[2] for script in scripts if "CI=true" in script] == ["make demo", "make test"]
    assert "cache" not in str(job)


def test_workflows_have_read_permission_only() -> None:
    assert read(WEEKLY)["permissions"] == {"contents": "read"}
