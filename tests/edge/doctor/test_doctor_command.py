"""`cosmic-edge doctor`: its JSON, its table, its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from edge.cli.main import main
from edge.delivery.outbox import Outbox
from edge.doctor import Check, Finding, Report, ReportTable
from edge.server.brokers import EmbeddedBroker, find_mosquitto

Capture = pytest.CaptureFixture[str]
NAMES = [
    "python",
    "numba",
    "configuration",
    "camera",
    "clock",
    "broker",
    "disk",
    "model",
    "calibration",
    "outbox",
]


@pytest.mark.mosquitto
@pytest.mark.skipif(not find_mosquitto(), reason="needs Debian's mosquitto")
def test_a_rig_with_all_it_needs_ends_with_0(tmp_path: Path, capsys: Capture) -> None:
    with EmbeddedBroker(prefer="mosquitto") as broker:
        arguments = ["doctor", "--state-dir", str(tmp_path / "state"), "--broker", broker.url]
        code = main([*arguments, "--source", "sim:?width=64&height=48", "--json"])
    said = capsys.readouterr()
    result = json.loads(said.out)
    assert [check["name"] for check in result["checks"]] == NAMES
    assert {check["name"] for check in result["checks"] if check["verdict"] == "fail"} == set()
    assert code == 0
    assert result["ok"] is True
    assert result["outbox"]["owed"] == 0
    assert result["versions"]["python"]
    assert not (tmp_path / "state").exists()


def test_a_state_folder_alone_names_its_rig_and_another_name_is_a_fault(
    tmp_path: Path, capsys: Capture
) -> None:
    Outbox.open(tmp_path, "roof-1").close()
    arguments = ["doctor", "--state-dir", str(tmp_path), "--source", "sim:?width=64&height=48"]
    arguments += ["--broker", "mqtt://127.0.0.1:9", "--json"]
    main(arguments)
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["outbox"]["verdict"] == "ok"
    assert "rig 'roof-1'" in checks["configuration"]["detail"]
    main([*arguments, "--rig", "attic"])
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["outbox"]["verdict"] == "fail"
    assert "belongs to rig 'roof-1'" in checks["outbox"]["detail"]


def test_a_failed_check_ends_with_1_and_says_what_to_do(tmp_path: Path, capsys: Capture) -> None:
    arguments = ["doctor", "--state-dir", str(tmp_path), "--source", "recording:nothing-here"]
    code = main([*arguments, "--broker", "mqtt://127.0.0.1:9"])
    said = capsys.readouterr()
    assert code == 1
    assert "Traceback" not in said.out + said.err
    assert said.err == ""
    lines = said.out.splitlines()
    assert any(line.startswith("fail  camera") for line in lines)
    assert any(line.startswith("fail  broker") for line in lines)
    assert any("→" in line for line in lines)
    assert all(len(line) <= 80 for line in lines)


def test_a_configuration_that_can_not_be_read_is_a_check_of_its_own(
    tmp_path: Path, capsys: Capture
) -> None:
    file = tmp_path / "rig.toml"
    file.write_text("[rig]\nnmae = 'a'\n")
    code = main(["doctor", "--config", str(file), "--state-dir", str(tmp_path), "--json"])
    result = json.loads(capsys.readouterr().out)
    assert code == 1
    checks = {check["name"]: check for check in result["checks"]}
    assert checks["configuration"]["verdict"] == "fail"
    assert "nmae" in checks["configuration"]["detail"]
    assert "camera" not in checks
    assert checks["outbox"]["verdict"] == "ok"


def test_warnings_alone_do_not_fail_and_the_table_reads_in_ascii(tmp_path: Path) -> None:
    report = Report(
        [
            Check("clock", Finding("warn", "unsynced ±3.0 s", "install chrony")),
            Check("disk", Finding("ok", "good", "never shown")),
        ]
    )
    assert report.ok
    path = tmp_path / "out"
    with path.open("w", encoding="ascii") as file:
        Console(file=file, width=80).print(ReportTable(report))
    text = path.read_text()
    assert "> install chrony" in text
    assert "never shown" not in text
    assert report.to_json()["outbox"] is None
