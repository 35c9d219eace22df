"""docker-compose.yml: what can be said of it without a container engine.

Nobody has started it in a test: that the containers come up and find each other is not shown here.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from moebridge.brokers.kafka_jars import kafka_version
from moebridge.cli import main
from moebridge.setting_catalogue import CATALOGUE
from moebridge.watchdog import STOP_S

CHECKOUT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
SLOT = CHECKOUT / "deploy" / "worker-in-slot.sh"


def test_the_services_are_those_of_the_bridge():
    assert set(SERVICES) == {"kafka", "topics", "ingest", "worker", "sandbox"}
    assert SERVICES["sandbox"]["profiles"] == ["sandbox"]
    # A name or a published port of its own would be in the way of --scale.
    assert not {"container_name", "ports"} & SERVICES["worker"].keys()


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_can_be_made_and_shows_its_health(name):
    service = SERVICES[name]
    assert service["image"]
    if name == "topics":
        assert service["healthcheck"] == {"disable": True}  # it ends by itself
    else:
        assert service["healthcheck"]["test"]
    if "build" in service:
        assert (CHECKOUT / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    named = [volume.partition(":")[0] for volume in service.get("volumes", [])]
    assert set(named) <= COMPOSE["volumes"].keys()


def test_the_front_door_spools_to_a_volume_that_the_image_gives_to_its_user():
    spool = SERVICES["ingest"]["environment"]["MOEBRIDGE_INGEST__SPOOL_DIR"]
    assert f"ingest-spool:{spool}" in SERVICES["ingest"]["volumes"]
    dockerfile = (CHECKOUT / "deploy" / "Dockerfile").read_text()
    assert f"install -d -o moebridge -g moebridge -m 0700 /data {spool}\n" in dockerfile


def test_every_setting_exists():
    used = {
        variable
        for service in SERVICES.values()
        for variable in service["environment"]
        if variable.startswith("MOEBRIDGE_")
    }
    assert used
    assert used <= {setting.variable for setting in CATALOGUE.values()}


def test_front_door_and_worker_know_the_same_configurations():
    ingest, worker = SERVICES["ingest"], SERVICES["worker"]
    assert ingest["env_file"] == worker["env_file"] == [{"path": "configurations.env", "required": False}]
    name = "MOEBRIDGE_INGEST__CONFIG_NAME"
    assert ingest["environment"][name] == worker["environment"][name]


def test_a_worker_has_the_time_that_its_stop_may_take():
    grace = SERVICES["worker"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > float(CATALOGUE["worker.shutdown_s"].default) + STOP_S


def test_every_command_exists():
    for name in ("topics", "ingest", "sandbox"):
        result = CliRunner().invoke(main, [*SERVICES[name]["command"], "--help"])
        assert result.exit_code == 0, result.output


def test_kafka_is_the_version_that_the_tests_run_against():
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{kafka_version()}"


def test_the_image_gets_what_it_is_built_from():
    ignored = (CHECKOUT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    dockerfile = (CHECKOUT / "deploy" / "Dockerfile").read_text().splitlines()
    copied = [
        source
        for line in dockerfile
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    assert "requirements/run.lock" in copied
    for source in copied:
        assert f"!{source}" in ignored
        assert (CHECKOUT / source).exists()


@pytest.mark.skipif(shutil.which("flock") is None, reason="needs flock, which the image has")
async def test_each_worker_has_a_folder_and_takes_a_free_one_again(tmp_path):
    fake = tmp_path / "bin" / "moebridge"
    fake.parent.mkdir()
    fake.write_text(
        "#!/bin/sh\n"
        'echo "$1 ${MOEBRIDGE_WORKER__DATA_DIR##*/} $MOEBRIDGE_WORKER__INSTANCE_ID"\n'
        "exec sleep 60\n"
    )
    fake.chmod(0o755)
    environment = {**os.environ, "PATH": f"{fake.parent}:{os.environ['PATH']}"}
    workers = []

    async def start():
        worker = await asyncio.create_subprocess_exec(
            *("sh", str(SLOT), str(tmp_path)), stdout=asyncio.subprocess.PIPE, env=environment
        )
        workers.append(worker)
        async with asyncio.timeout(30):
            return (await worker.stdout.readline()).decode().strip()

    try:
        assert await start() == "worker 1 worker-1"
        assert await start() == "worker 2 worker-2"
        workers[0].kill()
        await workers[0].wait()
        assert await start() == "worker 1 worker-1"
    finally:
        for worker in workers:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()
