"""The server's compose.yaml: what can be said of it without a Docker that runs."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from edge.cli.main import load
from edge.delivery.address import BrokerAddress
from edge.metrics.address import Listen
from tests.deploy.server_files import SERVER, prepare

COMPOSE = yaml.safe_load((SERVER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, one in SERVICES.items() if "build" in one)
DOCKERFILE = (SERVER / "Dockerfile").read_text()
REPOSITORY = SERVER.parents[1]
each = pytest.mark.parametrize("service", SERVICES.values(), ids=list(SERVICES))


def parsed(arguments: list[str]) -> dict[str, Any]:
    """What a command makes of its arguments, without running it; a wrong one raises."""
    command, rest = load(arguments[0]), arguments[1:]
    while hasattr(command, "commands"):
        command, rest = command.commands[rest[0]], rest[1:]
    with command.make_context(command.name, list(rest)) as context:
        return dict(context.params)


@each
def test_a_service_is_locked_up_and_watched(service):
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service["user"].startswith(("0", "root"))
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    assert "privileged" not in service


@each
def test_an_image_is_a_plain_name_of_a_stated_version(service):
    name, _, version = service["image"].partition(":")
    assert not re.search(r"[.:]", name.split("/")[0]), "a registry's host"
    assert version not in ("", "latest") or "build" in service


def test_the_world_reaches_the_broker_and_nothing_else():
    ports = {name: one.get("ports", []) for name, one in SERVICES.items()}
    assert ports.pop("broker") == ["8883:8883"]
    for published in ports.values():
        assert all(port.startswith("127.0.0.1:") for port in published)
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert {name for name, one in SERVICES.items() if "outside" in one["networks"]} == {
        *("broker", "prometheus", "grafana")
    }


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_every_secret_is_made_by_prepare_and_every_secret_made_is_used(tmp_path):
    made = {path.name for path in prepare(tmp_path, "localhost").iterdir()}
    declared = {name: one["file"] for name, one in COMPOSE["secrets"].items()}
    assert {file.removeprefix("./secrets/") for file in declared.values()} == made
    used = {
        one["source"] if isinstance(one, dict) else one
        for service in SERVICES.values()
        for one in service.get("secrets", [])
    }
    assert used == set(declared)


@each
def test_whatever_is_named_below_run_secrets_is_given_to_the_service(service):
    given = {one["target"] if isinstance(one, dict) else one for one in service.get("secrets", [])}
    said = json.dumps([service.get("command", []), service.get("environment", {})])
    if service is SERVICES["broker"]:
        said = (SERVER / "mosquitto.conf").read_text()
    assert set(re.findall(r"/run/secrets/([\w.-]+)", said)) == given


@each
def test_no_secret_stands_in_the_file(service):
    for name, value in service.get("environment", {}).items():
        if re.search(r"PASS|SECRET|KEY", name):
            assert value.startswith("/run/secrets/"), name


@each
def test_every_file_it_mounts_is_here_and_every_volume_is_declared(service):
    for source, _, _ in mounts(service):
        if source.startswith("."):
            assert (SERVER / source).exists(), source
        else:
            assert source in COMPOSE["volumes"], source


@each
def test_who_it_waits_for_is_there_and_tells_its_health(service):
    for other, condition in service.get("depends_on", {}).items():
        assert "healthcheck" in SERVICES[other]
        assert condition == {"condition": "service_healthy"}


@pytest.mark.parametrize("name", OURS)
def test_a_command_of_ours_is_understood_by_the_program(name, tmp_path):
    service = SERVICES[name]
    options = parsed(service["command"])
    assert options["db"] == "postgresql://cosmic@database/cosmic?passfile=" + (
        "/run/secrets/database-passfile"
    )
    listen = Listen.parse(options["metrics"])
    assert listen.host == "0.0.0.0"  # Prometheus is in another container
    assert f"127.0.0.1:{listen.port}/healthz" in json.dumps(service["healthcheck"])
    address = BrokerAddress.parse(options["broker"])
    assert (address.host, address.port) == ("broker", 8884)
    environment = SERVICES["database"]["environment"]
    assert (environment["POSTGRES_USER"], environment["POSTGRES_DB"]) == ("cosmic", "cosmic")
    targets = {target for _, target, _ in mounts(service)}
    for path in [*(options.get("disk") or []), options.get("told")]:
        assert path is None or {str(path), str(path.parent)} & targets


def test_two_collectors_share_one_subscription():
    assert SERVICES["collector"]["deploy"]["replicas"] == 2
    assert parsed(SERVICES["collector"]["command"])["share"]


def test_a_certificate_is_one_that_the_access_list_knows():
    users = set(re.findall(r"^user (\S+)$", (SERVER.parent / "mosquitto.acl").read_text(), re.M))
    for name in OURS:
        said = json.dumps(SERVICES[name]["command"])
        assert set(re.findall(r"/run/secrets/([\w-]+)\.key", said)) <= users
    # Our own place, beside the rigs', is in the broker's certificate.
    assert 'make broker broker "$@" broker' in (SERVER / "prepare.sh").read_text()


def test_prometheus_asks_where_something_answers():
    jobs = yaml.safe_load((SERVER / "prometheus.yml").read_text())["scrape_configs"]
    places = {}
    for job in jobs:
        for found in job.get("dns_sd_configs", []):
            places[found["names"][0]] = found["port"]
        for found in job.get("static_configs", []):
            host, _, port = found["targets"][0].partition(":")
            places[host] = int(port)
    listening = {
        name: Listen.parse(parsed(SERVICES[name]["command"])["metrics"]).port for name in OURS
    }
    assert places == listening
    mounted = {target for _, target, _ in mounts(SERVICES["prometheus"])}
    [rigs] = [one for job in jobs for one in job.get("file_sd_configs", [])]
    assert rigs["files"] == ["/etc/prometheus/rigs/*.yml"]
    assert "/etc/prometheus/rigs" in mounted
    [example] = yaml.safe_load((SERVER / "rigs" / "rigs.yml.example").read_text())
    assert all(":" in target for target in example["targets"])


def test_grafana_is_given_its_source_and_its_dashboard():
    targets = {target for _, target, _ in mounts(SERVICES["grafana"])}
    [source] = yaml.safe_load((SERVER / "grafana" / "datasource.yaml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    [provider] = yaml.safe_load((SERVER / "grafana" / "dashboards.yaml").read_text())["providers"]
    assert any(target.startswith(provider["options"]["path"] + "/") for target in targets)


def test_the_image_is_made_of_what_is_here():
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.M):
        *sources, _ = line.split()
        for source in sources:
            assert (REPOSITORY / source).exists(), source
            ignored = (SERVER / "Dockerfile.dockerignore").read_text()
            assert f"!{source.split('/')[0]}\n" in ignored
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE, re.M)) == set(packages)
    assert "'.[server]'" in DOCKERFILE
    python = re.search(r"FROM python:(\d)\.(\d+)-slim", DOCKERFILE)
    assert f"constraints/py{python[1]}{python[2]}.txt" in DOCKERFILE
    for name in OURS:
        assert f"USER {SERVICES[name]['user']}\n" in DOCKERFILE
    assert re.search(r'^ENTRYPOINT \["cosmic-edge"\]$', DOCKERFILE, re.M)


def test_docker_itself_takes_the_file(tmp_path):
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], check=False).returncode:
        pytest.skip("needs docker compose")
    command = [docker, "compose", "-f", str(SERVER / "compose.yaml"), "config", "--quiet"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr


def mounts(service: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for one in service.get("volumes", []):
        source, target, *mode = one.split(":")
        yield source, target, mode[0] if mode else "rw"


def test_every_command_in_the_readme_is_understood_by_the_program():
    text = (SERVER / "README.md").read_text()
    commands = re.findall(r"cosmic-edge ((?:server|doctor|ask|collect|run) ?[^`]*)`", text)
    assert len(commands) >= 3
    for command in commands:
        arguments = shlex.split(command.replace("…", "x"))
        if "--help" not in arguments:
            parsed(arguments)


def test_every_file_the_readme_names_is_here():
    text = (SERVER / "README.md").read_text()
    for name in re.findall(r"\]\(([^)#]+)\)", text):
        assert (SERVER / name).exists(), name
    for name in re.findall(r"^\| (`.+?) \|", text.split("## Steps")[0], re.M):
        for file in re.findall(r"`([^`]+)`", name):
            assert (SERVER / file).exists(), file
