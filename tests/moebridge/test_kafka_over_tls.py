"""Everything of moebridge against an Apache Kafka that lets nobody in without TLS and a login."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest
import trustme
from cryptography.hazmat.primitives import serialization as form
from processes import SETTINGS, moebridge

from ingest.basic_auth import basic_header
from moebridge.brokers.apache_kafka import ApacheKafka, Listener
from moebridge.brokers.ports import free_ports

PASSWORD = "hush-of-the-broker"
MODULES = "org.apache.kafka.common.security"


def listeners(folder: Path, ca: trustme.CA) -> dict[str, Listener]:
    """A way in for each kind of login, with a certificate for 127.0.0.1."""
    certificate = ca.issue_cert("127.0.0.1")
    key = form.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    pkcs8 = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    server = folder / "server.pem"
    server.write_bytes(pkcs8 + b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
    tls = {"ssl.keystore.type": "PEM", "ssl.keystore.location": str(server)}
    return {
        "SCRAM": Listener(
            "SASL_SSL",
            {
                **tls,
                "sasl.enabled.mechanisms": "SCRAM-SHA-512",
                "scram-sha-512.sasl.jaas.config": f"{MODULES}.scram.ScramLoginModule required;",
            },
        ),
        "PLAIN": Listener(
            "SASL_SSL",
            {
                **tls,
                "sasl.enabled.mechanisms": "PLAIN",
                "plain.sasl.jaas.config": f"{MODULES}.plain.PlainLoginModule required "
                f'user_moebridge="{PASSWORD}";',
            },
        ),
        "MUTUAL": Listener(
            "SSL",
            {
                **tls,
                "ssl.client.auth": "required",
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": str(folder / "ca.pem"),
            },
        ),
    }


def secured(servers: str, folder: Path, way_in: str) -> dict[str, str]:
    """The settings for a way in."""
    settings = {"kafka.bootstrap_servers": servers, "kafka.ssl_cafile": str(folder / "ca.pem")}
    if way_in == "MUTUAL":
        client = {"ssl_certfile": "client.pem", "ssl_keyfile": "client.key"}
        files = {f"kafka.{key}": str(folder / name) for key, name in client.items()}
        return {**settings, **files, "kafka.security_protocol": "SSL"}
    return {
        **settings,
        "kafka.security_protocol": "SASL_SSL",
        "kafka.sasl_mechanism": "SCRAM-SHA-512" if way_in == "SCRAM" else "PLAIN",
        "kafka.sasl_username": "moebridge",
        "kafka.sasl_password_file": str(folder / "password"),
    }


async def runs_through(folder: Path, security: Mapping[str, str], prefix: str) -> None:
    """Topics, front door and worker: a connector's user reaches MoEngage, and again from its table."""
    ingest, worker, sandbox = free_ports(3)
    settings = {
        **SETTINGS,
        **security,
        "kafka.topic_prefix": prefix,
        "kafka.partitions": "2",
        "ingest.port": str(ingest),
        "worker.http_port": str(worker),
        "worker.data_dir": str(folder / prefix),
        "moengage.base_url": f"http://127.0.0.1:{sandbox}",
    }
    async with (
        aiohttp.ClientSession() as session,
        moebridge("sandbox", "--port", str(sandbox), settings=SETTINGS, folder=folder) as sandbox_run,
    ):
        await sandbox_run.says("MoEngage sandbox at")

        async def attributes(customer: str) -> dict[str, object]:
            while True:
                url = f"http://127.0.0.1:{sandbox}/sandbox/users/{customer}"
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return dict((await answer.json())["attributes"])

        for number, name in ((1, "Ann"), (2, "Ada")):
            async with moebridge("run", settings=settings, folder=folder) as run:
                await run.says("moebridge runs")
                body = {"customer_id": f"u-{number}", "u_fn": name}
                url = f"http://127.0.0.1:{ingest}/v1/partner/intercom/user"
                headers = {"Authorization": basic_header("abc", "data-key")}
                async with session.post(url, json=body, headers=headers) as answer:
                    assert answer.status == 200, await answer.text()
                assert (await attributes(f"u-{number}"))["u_fn"] == name
                run.signal(signal.SIGTERM)
                assert await run.ends() == 0
            assert "hush" not in run.text
            shutil.rmtree(folder / prefix)  # the next worker recovers its tables from the broker


@pytest.mark.kafka
@pytest.mark.timeout(400)
async def test_front_door_worker_and_admin_over_tls_with_each_kind_of_login(tmp_path: Path) -> None:
    ca, stranger = trustme.CA(), trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    stranger.cert_pem.write_to_path(str(tmp_path / "stranger.pem"))
    client = ca.issue_cert("moebridge@example.com")
    client.cert_chain_pems[0].write_to_path(str(tmp_path / "client.pem"))
    client.private_key_pem.write_to_path(str(tmp_path / "client.key"))
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    async with ApacheKafka(
        tmp_path / "kafka", listeners=listeners(tmp_path, ca), scram_users={"moebridge": PASSWORD}
    ) as kafka:
        for way_in in ("SCRAM", "PLAIN", "MUTUAL"):
            security = secured(kafka.bootstrap_servers_of(way_in), tmp_path, way_in)
            await runs_through(tmp_path, security, f"{way_in.lower()}.")

        right = secured(kafka.bootstrap_servers_of("SCRAM"), tmp_path, "SCRAM")
        (tmp_path / "guess").write_text("guessed-hush")
        wrong = {
            "a wrong password": {"kafka.sasl_password_file": str(tmp_path / "guess")},
            "an authority that did not sign it": {"kafka.ssl_cafile": str(tmp_path / "stranger.pem")},
            "another name than the certificate's": {
                "kafka.bootstrap_servers": right["kafka.bootstrap_servers"].replace(
                    "127.0.0.1", "localhost"
                )
            },
        }
        for change in wrong.values():
            settings = {**right, **change}
            async with moebridge("topics", "check", settings=settings, folder=tmp_path) as topics:
                assert await topics.ends() == 1
            assert "are address and kafka security settings right?" in topics.text
            assert "hush" not in topics.text
            assert "Traceback" not in topics.text
