import json
import re
from pathlib import Path

import pytest

from actors import queues as actor_queues
from actors.worker import CLOSE_S, REQUEUE_S
from commands.check_settings import DEPLOYMENT
from commands.local import programs
from pipelines.control.background import STOP_S as BACKGROUND_STOP_S
from settings import every_setting
from tests.unit.deploy.files import DEPLOY, QUADLET, ROOT, compose, kube, unit

SECRETS = {name.lower() for name, field in every_setting().items() if "SecretStr" in str(field.annotation)}
#: Seconds that a worker may need after its grace period: to requeue its jobs, to stop its threads, to disconnect.
STOP_S = REQUEUE_S + BACKGROUND_STOP_S + CLOSE_S
#: Passwords of the servers, which reach us inside REDIS_URL and DATABASE_URL.
SERVERS = {"redis_password", "redis_producer_password", "postgres_password"}
#: Read by gunicorn itself.
OTHERS = {"WEB_CONCURRENCY"}
#: Fixed in the image, or by what a service is.
FIXED = {"host", "port", "data_dir", "log_format", "pose_model_path", "pose_model_url", "pose_model_sha256"}


def queues(words: list[str]) -> list[str]:
    """Return the arguments of `--queues`."""
    return words[words.index("--queues") + 1 :] if "--queues" in words else []


def commands() -> dict[str, list[list[str]]]:
    """The command line of every container, by the file that starts it."""
    pod = kube()[1]["spec"]["containers"]
    return {
        "compose": [service["command"] for service in compose()["services"].values()],
        "quadlet": [unit(path)["Container"]["Exec"][0].split() for path in sorted(QUADLET.glob("*.container"))],
        "kube": [container.get("command", []) for container in pod],
    }


@pytest.mark.parametrize("file", ["compose", "quadlet", "kube"])
def test_every_queue_has_exactly_one_kind_of_worker(file: str) -> None:
    served = [queue for words in commands()[file] for queue in queues(words)]

    assert sorted(served) == sorted({*actor_queues.QUEUES, actor_queues.INGEST})


@pytest.mark.parametrize("file", ["compose", "quadlet", "kube"])
def test_each_of_our_containers_waits_for_its_services(file: str) -> None:
    ours = [words for words in commands()[file] if words and words[0] == "python"]

    assert len(ours) == 6
    assert all(words[1:3] == ["-m", "commands.wait"] for words in ours)


def test_every_setting_passed_exists_and_every_setting_is_passed() -> None:
    passed = set(compose()["x-settings"]) - OTHERS
    known = set(every_setting())

    assert passed <= known
    assert known - passed == {name.upper() for name in SECRETS | FIXED}


def test_an_unset_setting_is_passed_as_blank_so_that_defaults_stay_in_one_place() -> None:
    with_defaults = {name for name, value in compose()["x-settings"].items() if value != f"${{{name}:-}}"}

    assert with_defaults == {
        "AI_MOCK_MODE", "PUBLIC_URL", "WEB_CONCURRENCY",
        # Blank switches a product off.
        "TRYON_PROVIDERS", "AVATAR_PROVIDERS", "IMAGES_PROVIDERS",
    }  # fmt: skip


def test_the_settings_of_pod_and_units_exist() -> None:
    lines = (QUADLET / "darkroom.env").read_text().splitlines()
    named = {*kube()[0]["data"], *(line.partition("=")[0] for line in lines if line and not line.startswith("#"))}

    assert named <= set(every_setting())


def test_secrets_come_only_from_files_that_the_script_creates() -> None:
    script = (DEPLOY / "make-secrets.sh").read_text()
    made = set(re.findall(r"^put (\w+)", script, re.MULTILINE))
    made |= {name for names in re.findall(r"^for name in ([\w ]+);", script, re.MULTILINE) for name in names.split()}

    assert set(compose()["secrets"]) == made == SECRETS | SERVERS
    assert {name.upper() for name in SECRETS}.isdisjoint(compose()["x-settings"])


@pytest.mark.parametrize("path", sorted(QUADLET.glob("*.container")), ids=lambda path: path.stem)
def test_a_unit_uses_known_secrets_and_drops_all_capabilities(path: Path) -> None:
    container = unit(path)["Container"]
    names = [value.removeprefix("darkroom_").partition(",")[0] for value in container["Secret"]]

    assert set(names) <= SECRETS | SERVERS
    assert container["ReadOnly"] == container["NoNewPrivileges"] == ["true"]
    assert container["DropCapability"] == ["all"]
    assert "--memory=" in container["PodmanArgs"][0]


def test_every_variable_of_the_containers_is_known_in_the_env_file() -> None:
    variables = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "podman-compose.yml").read_text()))
    assert variables - set(every_setting()) == DEPLOYMENT


def test_every_worker_has_time_to_requeue_its_jobs_before_it_is_killed() -> None:
    needed_s = STOP_S + every_setting()["SHUTDOWN_GRACE_S"].default
    units = [unit(path) for path in QUADLET.glob("darkroom-worker-*.container")]

    workers = [service for name, service in compose()["services"].items() if name.startswith("worker-")]
    assert [service["stop_grace_period"] for service in workers] == ["${STOP_GRACE:-40s}"] * 3
    assert programs.STOP_S >= STOP_S
    assert kube()[1]["spec"]["terminationGracePeriodSeconds"] >= needed_s
    assert len(units) == 3
    for found in units:
        stop_s = int(found["Container"]["PodmanArgs"][0].split("--stop-timeout=")[1].split()[0])
        assert int(found["Service"]["TimeoutStopSec"][0]) > stop_s >= needed_s
        # Quadlet sets both itself: podman, not systemd, sends the signal and waits.
        assert not {"KillMode", "KillSignal"} & set(found["Service"])


def test_every_service_drops_all_capabilities_and_has_limits() -> None:
    for service in compose()["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges"]
        assert {"mem_limit", "cpus", "pids_limit", "restart", "healthcheck"} <= set(service)
        assert "depends_on" not in service


def test_only_the_http_service_is_published_and_on_loopback_unless_set() -> None:
    published = {name: service["ports"] for name, service in compose()["services"].items() if "ports" in service}

    assert published == {"http": ["${HTTP_BIND:-127.0.0.1}:${HTTP_PORT:-8000}:8000"]}


def test_a_pod_drops_all_capabilities_and_uses_known_secrets() -> None:
    for container in kube()[1]["spec"]["containers"]:
        rights = container["securityContext"]
        keys = {item["valueFrom"]["secretKeyRef"]["key"] for item in container["env"] if "valueFrom" in item}
        assert rights["readOnlyRootFilesystem"] is True
        assert rights["allowPrivilegeEscalation"] is False
        assert rights["capabilities"] == {"drop": ["ALL"]}
        assert keys <= SECRETS | SERVERS


def test_with_supabase_there_is_no_database_of_our_own() -> None:
    over = (DEPLOY / "podman-compose.supabase.yml").read_text()

    assert re.findall(r"^  (\S+):$", over, re.MULTILINE) == ["postgres", "migrate", "worker-pixels"]


def test_the_worker_that_decodes_pictures_has_no_keys_but_those_of_its_servers() -> None:
    compose_secrets = compose()["services"]["worker-pixels"]["secrets"]
    container = unit(QUADLET / "darkroom-worker-pixels.container")["Container"]
    pod = next(item for item in kube()[1]["spec"]["containers"] if item["name"] == "worker-pixels")

    assert compose_secrets == ["redis_url", "database_url"]
    assert [value.partition(",")[0] for value in container["Secret"]] == ["darkroom_redis_url", "darkroom_database_url"]
    assert [item["name"] for item in pod["env"]] == ["REDIS_URL", "DATABASE_URL"]


def test_neither_secrets_nor_needless_files_reach_the_builder() -> None:
    lines = (ROOT / ".containerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]

    assert rules[0] == "*"
    assert {"!.git", "!.env", "!deploy", "!tests", "!var"}.isdisjoint(rules)
    assert "**/.env*" in rules


def test_the_image_is_multi_stage_non_root_and_pinned() -> None:
    text = (ROOT / "Containerfile").read_text()

    assert re.findall(r"^FROM \S+ AS (\w[\w-]*)", text, re.MULTILINE)[-2:] == ["worker", "full"]
    assert "USER 10001:10001" in text
    assert "--no-deps --require-hashes" in text
    assert text.count("pip check") == 2
    assert text.count("HEALTHCHECK") == 2


def test_all_installed_packages_are_pinned_by_hash() -> None:
    for path in ROOT.glob("requirements*.txt"):
        packages = path.read_text().replace("\\\n", " ").splitlines()
        assert all("--hash=sha256:" in line for line in packages if line.strip()), path.name


def test_no_file_of_the_deployment_holds_a_secret() -> None:
    shapes = re.compile(
        r"sk-[A-Za-z0-9]{20}|r8_[A-Za-z0-9]{20}|eyJ[A-Za-z0-9_-]{20}|whsec_|-----BEGIN|://[^\s:/$]+:[^\s$@]+@"
    )
    for path in (
        ROOT / "podman-compose.yml",
        ROOT / "Containerfile",
        *(ROOT / ".github/workflows").iterdir(),
        *DEPLOY.rglob("*"),
    ):
        if path.is_file() and path.parent.name != "secrets":
            assert not shapes.search(path.read_text().replace("sentinel://:PASSWORD@", "")), path.name


def test_the_folder_of_secrets_is_not_committed() -> None:
    assert (DEPLOY / "secrets/.gitignore").read_text().splitlines()[-2:] == ["*", "!.gitignore"]


def test_the_dashboard_is_json_and_uses_one_data_source() -> None:
    board = json.loads((DEPLOY / "monitoring/grafana-dashboard.json").read_text())

    assert {panel["datasource"]["uid"] for panel in board["panels"]} == {"${datasource}"}


def test_the_commands_for_containers_are_listed() -> None:
    listed = re.findall(r"^([a-z]+): ## ", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert {"dev", "up", "down", "logs", "build"} <= set(listed)
