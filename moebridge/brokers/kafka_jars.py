"""Apache Kafka's jars: fetched once with Maven, kept in a cache folder; and the Java to run them."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from moebridge.errors import BrokerUnsupported

_POM = Path(__file__).with_name("pom.xml")
#: Brokers of Kafka 4 need it (source: Kafka's documentation, "Java Version").
LOWEST_JAVA = 17
_FETCH_TIMEOUT_S = 900
_ELSE = "Or name a Kafka broker of your own: kafka.bootstrap_servers"


def kafka_version() -> str:
    """The pinned version (pom.xml)."""
    match = re.search(r"<kafka\.version>([^<]+)<", _POM.read_text())
    assert match is not None, "pom.xml names no kafka.version"
    return match[1]


def cache_folder() -> Path:
    """``$MOEBRIDGE_CACHE``, else ``~/.cache/moebridge``."""
    return Path(os.environ.get("MOEBRIDGE_CACHE") or Path.home() / ".cache" / "moebridge").resolve()


def find_java() -> str:
    """The ``java`` of ``$JAVA_HOME`` or the path. Raises BrokerUnsupported below version 17."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")
    if java is None:
        where = f"in {home}/bin (JAVA_HOME)" if home else "on the path"
        raise BrokerUnsupported(
            f"Apache Kafka needs Java {LOWEST_JAVA} or newer, and there is no java {where}: install one "
            f"(Debian, Ubuntu: apt install openjdk-{LOWEST_JAVA}-jre-headless). {_ELSE}"
        )
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60)  # noqa: S603
    major = java_major(answer.stderr + answer.stdout)
    if major is None or major < LOWEST_JAVA:
        found = "an unknown version" if major is None else f"Java {major}"
        raise BrokerUnsupported(
            f"Apache Kafka needs Java {LOWEST_JAVA} or newer, and {java} is {found}: install a newer "
            f"one, and name it by JAVA_HOME. {_ELSE}"
        )
    return java


def java_major(version_output: str) -> int | None:
    """The major version that ``java -version`` prints; None where it prints none. 1.8 counts as 8."""
    match = re.search(r'version "(?:1\.)?(\d+)', version_output)
    return int(match[1]) if match else None


async def kafka_jars() -> Path:
    """The folder with the jars; the first call fetches some 90 MB.

    The folder is named for the version and the content of pom.xml and appears whole or not at all.
    Raises BrokerUnsupported where Maven is missing or fails.
    """
    digest = hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]
    folder = cache_folder() / f"kafka-{kafka_version()}-{digest}"
    if not folder.is_dir():
        await asyncio.to_thread(_fetch, folder)
    return folder


def _fetch(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokerUnsupported(
            "fetching Apache Kafka needs Maven, and there is no mvn on the path: install it "
            f"(Debian, Ubuntu: apt install maven). {_ELSE}"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return  # another process was first
        partial = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        answer = subprocess.run(  # noqa: S603
            [
                *(maven, "-q", "-B", "--strict-checksums", "-f", str(_POM)),
                *(
                    "dependency:copy-dependencies",
                    "-DincludeScope=runtime",
                    f"-DoutputDirectory={partial}",
                ),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_FETCH_TIMEOUT_S,
        )
        if answer.returncode != 0:
            raise BrokerUnsupported(
                f"fetching Apache Kafka {kafka_version()} with Maven failed:\n"
                f"{(answer.stdout + answer.stderr)[-2000:].strip()}\n{_ELSE}"
            )
        partial.rename(folder)
