import json
import re
from pathlib import Path
from typing import Any

from providers.metrics.exposition import COUNTERS, GAUGE_HELP, HISTOGRAMS
from tests.unit.deploy.files import DEPLOY, ROOT, read

MONITORING = DEPLOY / "monitoring"
#: Read from lists and tables at each request (`http/api/system/metrics.py`).
READ = {
    "darkroom_list_depth",
    "darkroom_queue_depth",
    "darkroom_jobs",
    "darkroom_oldest_waiting_seconds",
    "darkroom_model_offered",
    "darkroom_model_days_left",
    "darkroom_product_workers",
}
KNOWN = (
    {f"{name}_total" for name in COUNTERS}
    | {f"{name}_{part}" for name in HISTOGRAMS for part in ("bucket", "count", "sum")}
    | set(GAUGE_HELP)
    | READ
)


def alerts() -> list[dict[str, Any]]:
    return [rule for group in read(MONITORING / "darkroom.rules.yml")["groups"] for rule in group["rules"]]


def metrics(text: str) -> set[str]:
    return set(re.findall(r"\bdarkroom_\w+", text))


def test_every_alert_uses_existing_metrics() -> None:
    asked = {name for rule in alerts() for name in metrics(rule["expr"])}

    assert asked
    assert asked <= KNOWN


def test_every_panel_uses_existing_metrics() -> None:
    board = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    asked = {name for panel in board["panels"] for target in panel["targets"] for name in metrics(target["expr"])}

    assert asked <= KNOWN
    assert asked >= READ


def test_the_scraped_metrics_are_those_that_the_service_exports() -> None:
    source = Path(ROOT, "http/api/system/metrics.py").read_text()

    assert set(re.findall(r'"(darkroom_\w+)"', source)) == READ


def test_every_alert_has_a_severity_and_instructions_and_is_documented() -> None:
    guide = (ROOT / "docs/production.md").read_text()
    for rule in alerts():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert set(rule["annotations"]) == {"summary", "action"}
        assert f"| {rule['alert']} |" in guide


def test_prometheus_loads_the_rules_and_no_token_is_in_its_configuration() -> None:
    configuration = read(MONITORING / "prometheus.yml")
    [job] = configuration["scrape_configs"]

    assert configuration["rule_files"] == ["darkroom.rules.yml"]
    assert job["authorization"] == {"type": "Bearer", "credentials_file": "/etc/prometheus/darkroom-token"}
