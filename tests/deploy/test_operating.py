"""Alerts and dashboard: they name metrics that exist, and an alarm comes out at the end."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, contextmanager

import pytest
import yaml
from prometheus_client.metrics_core import Metric

from edge.delivery.link import UplinkStats
from edge.delivery.writer import WriterCounts
from edge.metrics.endpoint import registry_of
from edge.metrics.rig import RigFamilies, RigSample
from edge.server.alarms import Alarms
from edge.server.brokers import find_mosquitto
from edge.server.metrics import CollectorFamilies
from edge.server.presence import Limits
from edge.server.stats import Stats
from edge.server.statuses import BROKER_COUNTS
from edge.server.store import open_store
from edge.server.tally import Tally
from edge.server.watch import Watch
from edge.server.watch_metrics import WatchFamilies
from edge.stages.exposure import Exposure
from tests.brokers import free_port, mosquitto
from tests.deploy.server_files import SERVER, prometheus_program
from tests.edge.server.rigs import Rig, eventually, payload

RULES = yaml.safe_load((SERVER / "alerts.yml").read_text())
DASHBOARD = json.loads((SERVER / "grafana" / "cosmic-edge.json").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
PANELS = [one for one in DASHBOARD["panels"] if one["type"] != "row"]
SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "info": ("_info",),
    "histogram": ("_bucket", "_count", "_sum"),
}
PROGRAM = [sys.executable, "-m", "edge.cli.main"]


def sample() -> RigSample:
    return RigSample(
        at_s=0.0, rig="attic-1", state="watching", total=Exposure(), classes={}, owed=0,
        outbox_bytes=0, uplink=UplinkStats(),
        writer=WriterCounts(**dict.fromkeys(WriterCounts.__slots__, 0) | {"last_error": ""}),
        clock_state="synced", clock_bound_s=0.0, commands={}, efficiency=None,
    )  # fmt: skip


class Told:
    counts = dict.fromkeys(BROKER_COUNTS.values(), 0)
    certificate_expiry_s = 1.0


@pytest.fixture(scope="module")
def offered(tmp_path_factory) -> dict[str, Metric]:
    """Every sample that a collector, a watch or a rig may offer, and its family."""
    store = open_store(str(tmp_path_factory.mktemp("watch") / "c.db"))
    watch = Watch(store, Limits(), Alarms(), lambda change, look: None)
    watch.look()
    store.close()
    rig = RigFamilies(1)
    rig._sample = sample()
    families = (
        CollectorFamilies(Tally(), Stats, lambda: 0, lambda: True),
        WatchFamilies(watch, Told()),
        rig,
    )
    return {
        family.name + suffix: family
        for one in families
        for family in registry_of(one).collect()
        for suffix in SUFFIXES[family.type]
    }


def named(expression: str) -> set[str]:
    return set(re.findall(r"cosmic_edge_\w+", expression))


def test_names_have_a_unit_or_say_what_is_counted_and_every_one_is_explained(offered):
    ends = ("_seconds", "_bytes", "_celsius", "_ratio", "_total", "_info", "_state")
    counted = (
        "_messages",
        "_rigs",
        "_rigs_silent",
        "_rigs_seen",
        "_rigs_unnamed",
        "_subscriptions",
    )
    flags = ("_collecting", "_told", "_connected")
    for name, family in offered.items():
        assert family.documentation.endswith((".", "start.")), name
        base = re.sub(r"_(bucket|count|sum)$", "", name)
        ours = base.startswith("cosmic_edge_")
        assert not ours or base.endswith((*ends, *counted, *flags)), name
        assert not re.search(r"_(ms|us|kb|mb|minutes|hours|percent)\b", base), name


def test_no_family_has_a_rig_as_label_without_a_bound(offered):
    per_rig = {name for name, one in offered.items() if "rig" in getattr(one, "_labelnames", ())}
    assert per_rig == {
        "cosmic_edge_collector_rig_last_message_timestamp_seconds",
        "cosmic_edge_rig_silent_seconds",
    }


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_names_metrics_that_exist_and_says_what_to_do(rule, offered):
    assert named(rule["expr"]) <= set(offered)
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["action"]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_asks_for_metrics_that_exist_and_says_what_it_shows(panel, offered):
    assert panel["description"]
    for target in panel["targets"]:
        assert named(target["expr"]) <= set(offered), target["expr"]
        assert named(target["expr"])


def test_labels_that_are_asked_for_are_those_of_the_metric(offered):
    """A label of Prometheus' own, such as instance, is nobody's fault."""
    own = {"instance", "job", "le", "__rate_interval"}
    asked = [*(rule["expr"] for rule in ALERTS)]
    asked += [target["expr"] for panel in PANELS for target in panel["targets"]]
    for expression in asked:
        labels = {label for name in named(expression) for label in offered[name]._labelnames}
        matched = re.findall(r"[{,](\w+)=", expression)
        grouped = [one for part in re.findall(r"by \(([^)]*)\)", expression) for one in
                   re.split(r"[ ,]+", part)]  # fmt: skip
        for label in (*matched, *grouped):
            assert label in labels | own, f"{label} in {expression}"


def test_panels_do_not_overlap_and_have_numbers_of_their_own():
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                 for y in range(at["y"], at["y"] + at["h"])}  # fmt: skip
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)


def test_what_an_operator_needs_has_a_panel():
    asked = " ".join(target["expr"] for panel in PANELS for target in panel["targets"])
    for part in (
        *("hits_total", "live_seconds_total", "dead_seconds_total", "rigs_silent"),
        *("uncertainty_seconds", "quarantined_messages", "commit_seconds", "disk_free_bytes"),
    ):
        assert part in asked


def check_rules(folder, rules) -> None:
    promtool = prometheus_program("promtool")
    file = folder / "rules.yml"
    file.write_text(yaml.safe_dump(rules))
    done = subprocess.run(
        [promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_understands_every_alert(tmp_path):
    check_rules(tmp_path, RULES)


def test_prometheus_understands_every_panel(tmp_path):
    asked = [
        re.sub(r"\$__rate_interval", "5m", target["expr"]).replace("$origin", "camera")
        for panel in PANELS
        for target in panel["targets"]
    ]
    assert not [one for one in asked if "$" in one]
    rules = [{"record": f"panel:{number}", "expr": one} for number, one in enumerate(asked)]
    check_rules(tmp_path, {"groups": [{"name": "panels", "rules": rules}]})


def test_prometheus_understands_its_configuration(tmp_path):
    for name in ("prometheus.yml", "alerts.yml"):
        (tmp_path / name).write_text((SERVER / name).read_text())
    done = subprocess.run(
        [prometheus_program("promtool"), "check", "config", str(tmp_path / "prometheus.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_come_and_go_as_they_should(tmp_path):
    """By Prometheus' own test of rules, on made-up series."""
    (tmp_path / "alerts.yml").write_text((SERVER / "alerts.yml").read_text())
    (tmp_path / "test.yml").write_text((SERVER.parents[1] / "tests/deploy/alerts.yml").read_text())
    done = subprocess.run(
        [prometheus_program("promtool"), "test", "rules", "test.yml"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def program(folder, name, *arguments):
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=log, env={**os.environ})
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def ask(port: int, path: str):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/{path}", timeout=5) as answer:
            return json.load(answer)["data"]
    except OSError:
        return {}


@pytest.mark.mosquitto
@pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
def test_a_real_prometheus_raises_the_alarm_of_a_rig_that_went_silent(tmp_path):
    """Broker, two collectors on one subscription, watch and Prometheus with its very rules."""
    prometheus = prometheus_program("prometheus")
    db, (one, two, watch, port) = str(tmp_path / "c.db"), [free_port() for _ in range(4)]
    config = yaml.safe_load((SERVER / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"] = [
        {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{one}" for one in ports]}]}
        for job, ports in (("collector", [one, two]), ("watch", [watch]))
    ]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    (tmp_path / "alerts.yml").write_text((SERVER / "alerts.yml").read_text())
    with mosquitto(options="sys_interval 1\n") as broker, ExitStack() as stack:
        collect = [*PROGRAM, "collect", "--broker", broker.url, "--db", db, "--share", "server"]
        for number, listen in enumerate((one, two)):
            command = [*collect, "--metrics", str(listen)]
            stack.enter_context(program(tmp_path, f"collector-{number}", *command))
        assert eventually(lambda: answers(one) and answers(two), 30)
        looking = ["server", "watch", "--broker", broker.url, "--db", db, "--metrics", str(watch)]
        quick = ["--silent-after-s", "4", "--silent-after-reports", "1", "--every-s", "0.5"]
        stack.enter_context(program(tmp_path, "watch", *PROGRAM, *looking, *quick))
        data = ["--storage.tsdb.path", str(tmp_path / "data"), "--web.listen-address"]
        file = ["--config.file", str(tmp_path / "prometheus.yml")]
        stack.enter_context(
            program(tmp_path, "prometheus", prometheus, *file, *data, f"127.0.0.1:{port}")
        )
        with Rig(broker.url) as rig:
            for seq in range(1, 21):
                rig.send(payload("hit", seq))
            assert eventually(lambda: rig.upto == 20)
            stored = "query?query=sum(cosmic_edge_collector_stored_messages_total)"
            assert eventually(lambda: value(ask(port, stored)) == 20, 40)
        assert eventually(lambda: "RigSilent" in firing(port), 40), firing(port)
        assert not firing(port) & {"ManyRigsSilent", "WatchBlind", "NoCollector", "Quarantine"}
        with Rig(broker.url) as rig:
            deadline, seq = time.monotonic() + 30, 21
            while "RigSilent" in firing(port) and time.monotonic() < deadline:
                rig.send(payload("hit", seq))
                seq += 1
                time.sleep(0.5)
            assert "RigSilent" not in firing(port)


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def value(answer) -> float:
    found = answer.get("result") or [{"value": [0, "nan"]}]
    return float(found[0]["value"][1])


def firing(port: int) -> set[str]:
    alerts = ask(port, "alerts").get("alerts", [])
    return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}
