"""A real Spark Thrift Server for tests: pyspark's wheel in an environment of its own, fetched once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from tests.servers.hiveserver2 import SMALL, HiveServer
from tests.servers.install import fetched, install_java

VERSION = "4.3.0"
_CONFIGURATION = """
spark.driver.bindAddress=127.0.0.1
spark.driver.host=127.0.0.1
spark.ui.enabled=false
spark.hadoop.hive.server2.thrift.port={port}
spark.hadoop.hive.server2.thrift.bind.host=127.0.0.1
spark.sql.warehouse.dir=FOLDER/warehouse
spark.hadoop.javax.jdo.option.ConnectionURL=jdbc:derby:;databaseName=FOLDER/metastore_db;create=true
spark.driver.extraJavaOptions=-Dderby.system.home=FOLDER/derby -Djava.io.tmpdir=FOLDER/tmp JAVA
spark.sql.shuffle.partitions=2
"""


def home() -> Path:
    """Give Spark's own folder, fetching it the first time."""
    return fetched(f"spark-{VERSION}", _fetch)


def _fetch(folder: Path) -> None:
    uv = shutil.which("uv") or str(Path(__file__).parents[2] / ".uv" / "bin" / "uv")
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        target = ["--quiet", "--no-deps", "--target", work, "--python", sys.executable]
        command = [uv, "pip", "install", *target, f"pyspark=={VERSION}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"Spark could not be fetched.\n{done.stderr[-3000:]}")
        os.rename(Path(work, "pyspark"), folder)


def spark_in(
    folder: Path, *, java: Sequence[str] = SMALL, site: Mapping[str, str] = MappingProxyType({})
) -> HiveServer:
    """Give a server in a new folder, not started yet; settings of ``site`` come before those of the tests."""
    install_java()
    (folder / "tmp").mkdir(parents=True)
    (folder / "local").mkdir()
    memory, *options = java
    written = _CONFIGURATION.replace("FOLDER", str(folder)).replace("JAVA", " ".join(options))
    settings = [*written.splitlines(), *(f"{name}={value}" for name, value in site.items())]
    words = [f"{home()}/bin/spark-submit", "--master", "local[2]", "--driver-memory", memory.removeprefix("-Xmx")]
    words += ["--class", "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"]
    words += [word for line in settings if line for word in ("--conf", line)]
    environment = {
        "SPARK_HOME": str(home()),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "PYSPARK_PYTHON": sys.executable,
    }
    return HiveServer("Spark Thrift Server", folder, words=[*words, "spark-internal"], environment=environment)
