"""A rig's metrics: they are its summary, while it runs."""

from __future__ import annotations

import re
import subprocess
import sys
import threading

import pytest
from prometheus_client import generate_latest

from edge.config.load import load_config
from edge.delivery import BrokerAddress
from edge.errors import BadUse
from edge.live.session import Session
from edge.metrics.endpoint import registry_of
from edge.metrics.rig import PREFIX, RigFamilies
from edge.server.brokers import find_mosquitto
from edge.sources import open_source
from tests.brokers import mosquitto
from tests.edge.metrics.scrapes import samples, scrape, total, value
from tests.edge.server.collectors import collecting
from tests.edge.server.rigs import eventually

SOURCE = "sim:?hits_per_min=900&width=160&height=120&fps=60&seed=1"
needs_mosquitto = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
]


def told(families):
    return samples(generate_latest(registry_of(families)).decode())


class TestRun:
    pytestmark = needs_mosquitto

    def test_what_is_told_at_the_end_is_the_summary_and_sums_hold_before(self, tmp_path):
        families, looks = RigFamilies(10**9), []

        def watch(moment):
            families.watch(moment)
            looks.append(told(families))

        with mosquitto() as broker, collecting(broker.url, tmp_path / "c.db"):
            settings = {"rig.state_dir": str(tmp_path / "rig"), "calibration.frames": 60}
            config = load_config(None, {**settings, "source.url": SOURCE})
            session = Session(
                config, open_source(SOURCE), BrokerAddress.parse(broker.url), watch=watch
            )
            summary = session.run(threading.Event(), 6.0)
        found = told(families)
        frames = f"{PREFIX}_frames_total"
        assert summary["hits"] > 10
        assert total(found, frames) == summary["expected"]
        for fate in ("processed", "calibrating", "uncovered", "dropped", "bad", "missing"):
            assert value(found, frames, fate=fate) == summary[fate], fate
        assert value(found, f"{PREFIX}_hits_total") == summary["hits"]
        assert total(found, f"{PREFIX}_classified_hits_total") == summary["hits"]
        for reason, count in summary["rejected"].items():
            assert value(found, f"{PREFIX}_rejected_candidates_total", reason=reason) == count, (
                reason
            )
        live_s = value(found, f"{PREFIX}_live_seconds_total")
        assert live_s == pytest.approx(summary["live_time_s"])
        assert total(found, f"{PREFIX}_dead_seconds_total") == pytest.approx(summary["dead_time_s"])
        assert value(found, f"{PREFIX}_live_ratio") == pytest.approx(
            live_s / (live_s + summary["dead_time_s"])
        )
        for look in [*looks, found]:
            candidates = value(look, f"{PREFIX}_candidates_total")
            rejected = total(look, f"{PREFIX}_rejected_candidates_total")
            assert candidates == value(look, f"{PREFIX}_hits_total") + rejected
            assert total(look, f"{PREFIX}_state") == 1
        assert value(found, f"{PREFIX}_uplink_state", state="connected") == 1
        assert value(found, f"{PREFIX}_outbox_size_bytes") > 10_000
        assert value(found, f"{PREFIX}_connections_total") == 1
        assert total(found, f"{PREFIX}_clock_state") == 1

    def test_the_command_answers_while_the_rig_runs(self, tmp_path):
        config = tmp_path / "rig.toml"
        config.write_text('[metrics]\nlisten = "0"\n[calibration]\nframes = 30\n')
        arguments = ["--config", str(config), "--source", SOURCE, "--rig", "attic-1"]
        with mosquitto() as broker:
            more = ["--broker", broker.url, "--state-dir", str(tmp_path / "state")]
            command = [sys.executable, "-m", "edge.cli.main", "run", *arguments, *more]
            with subprocess.Popen(
                command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
            ) as process:  # fmt: skip
                try:
                    said = next(line for line in process.stderr if "metrics at" in line)
                    url = re.search(r"http\S+", said)[0]
                    watching = (f"{PREFIX}_state", (("state", "watching"),))
                    assert eventually(lambda: scrape(url).get(watching) == 1, 60)
                    assert value(scrape(url), f"{PREFIX}_info", rig="attic-1") == 1
                finally:
                    process.terminate()
                    process.communicate(timeout=60)


def test_before_the_first_moment_nothing_is_told_and_it_is_starting():
    families = RigFamilies(10**9)
    assert not [name for name, _ in told(families) if name.startswith(PREFIX)]
    assert families.ailment() == "starting"


def test_a_wrong_address_in_the_configuration_names_its_line(tmp_path):
    config = tmp_path / "rig.toml"
    config.write_text('\n[metrics]\nlisten = "everywhere"\n')
    with pytest.raises(BadUse, match=r"rig\.toml:3.*give \[HOST:\]PORT"):
        load_config(config)


def test_nothing_of_metrics_is_imported_where_nobody_asks():
    code = (
        "from edge.cli.main import main; main(['run', '--source', 'recording:/none', '--json']);"
        "import sys; print(sorted(one for one in sys.modules if 'prometheus' in one))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.stdout.strip() == "[]"
