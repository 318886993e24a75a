import re

from tests.unit.deploy.files import ROOT, read

WORKFLOW = ROOT / ".github/workflows/ci-cd.yml"


def test_actions_are_pinned_to_a_commit() -> None:
    uses = re.findall(r"uses: (\S+)", WORKFLOW.read_text())

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


def test_nothing_is_deployed_that_was_not_linted_tested_and_built() -> None:
    assert set(read(WORKFLOW)["jobs"]["deploy"]["needs"]) == {"lint", "test", "image"}


def test_rights_are_the_least() -> None:
    workflow = read(WORKFLOW)

    assert workflow["permissions"] == {"contents": "read"}
    assert {name for name, job in workflow["jobs"].items() if "write" in str(job.get("permissions"))} == {"image"}


def test_tests_get_placeholders_and_no_secret() -> None:
    job = str(read(WORKFLOW)["jobs"]["test"])

    assert "secrets." not in job
    assert "placeholder" in job


def test_no_text_from_outside_becomes_part_of_a_script() -> None:
    jobs = read(WORKFLOW)["jobs"].values()
    scripts = [step["run"] for job in jobs for step in job["steps"] if "run" in step]

    assert not [script for script in scripts if "${{" in script]
