"""A real Neo4j Community server for tests: fetched once by Maven, started on loopback, stopped without a trace.

GPLv3 software, used as a process of its own and never shipped.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import neo4j
from neo4j.exceptions import DriverError, Neo4jError

from tests.servers.install import fetched, install_java, maven
from tests.servers.process import ServerProcess

VERSION = "5.26.12"
PASSWORD = "only/for:tests@home"  # with letters that an address must write as %2F and so on
PASSWORD_IN_ADDRESS = "only%2Ffor%3Atests%40home"
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>strokemap</groupId><artifactId>tests</artifactId><version>1</version>
<packaging>pom</packaging>
<dependencies><dependency>
<groupId>org.neo4j</groupId><artifactId>neo4j</artifactId><version>{VERSION}</version>
</dependency></dependencies>
</project>
"""
_CONFIGURATION = """server.default_listen_address=127.0.0.1
server.bolt.listen_address=127.0.0.1:{port}
server.http.enabled=false
server.https.enabled=false
server.memory.pagecache.size={pagecache}
dbms.usage_report.enabled=false
db.transaction.timeout=120s
db.tx_log.rotation.retention_policy=keep_none
"""
_OPENED = ("java.base/java.nio", "java.base/java.io", "java.base/sun.nio.ch", "java.base/java.util.concurrent")


def jars() -> Path:
    """Give the folder of Neo4j's jars, fetching them the first time; it lies outside the repository."""
    return fetched(f"neo4j-{VERSION}", _fetch)


def _fetch(folder: Path) -> None:
    (folder / "pom.xml").write_text(_POM)
    maven(folder, "dependency:copy-dependencies", "-DoutputDirectory=.", "-DincludeScope=runtime")


class Neo4jProcess(ServerProcess):
    """A Neo4j with one user and one password."""

    def __init__(self, folder: Path, *, heap: str = "256m", pagecache: str = "64m", brief: bool = True) -> None:
        super().__init__("Neo4j", folder)
        self._brief = brief
        self._heap = heap
        (folder / "conf").mkdir()
        settings = _CONFIGURATION.format(port=self.port, pagecache=pagecache)
        (folder / "conf" / "neo4j.conf").write_text(settings)
        install_java()
        self._classes = str(jars() / "*")
        words = ["org.neo4j.cli.AdminTool", "dbms", "set-initial-password", PASSWORD]
        environment = os.environ | {"NEO4J_HOME": str(folder), "NEO4J_CONF": str(folder / "conf")}
        done = subprocess.run(
            ["java", "-cp", self._classes, *words], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"Neo4j could not be set up.\n{done.stdout}{done.stderr}")

    @property
    def url(self) -> str:
        """Give the address as the setting ``map_store`` has it."""
        return self.address()

    def address(
        self, *, scheme: str = "neo4j", user: str = "neo4j", password: str = PASSWORD_IN_ADDRESS, database: str = ""
    ) -> str:
        """Give the address with one part of it otherwise."""
        return f"{scheme}://{user}:{password}@127.0.0.1:{self.port}{database and '/' + database}"

    def words(self) -> list[str]:
        opened = [f"--add-opens={package}=ALL-UNNAMED" for package in _OPENED]
        memory = ["-Xms256m", f"-Xmx{self._heap}", "-XX:+UseSerialGC"]
        if self._brief:  # starts sooner, and runs slower for it
            memory.append("-XX:TieredStopAtLevel=1")
        folders = [f"--home-dir={self.folder}", f"--config-dir={self.folder / 'conf'}"]
        return ["java", *memory, *opened, "-cp", self._classes, "org.neo4j.server.CommunityEntryPoint", *folders]

    def ask(self, text: str, **parameters: object) -> list[list[Any]]:
        """Run Cypher as somebody who sits at Neo4j Browser would."""
        with self._driver() as driver:
            return [record.values() for record in driver.execute_query(text, parameters).records]

    def empty(self) -> None:
        """Remove everything but constraints, indexes and the format."""
        with self._driver() as driver:
            driver.execute_query("MATCH (n) WHERE NOT n:Strokemap DETACH DELETE n")
            driver.execute_query("MATCH (s:Strokemap) SET s.builds = 0, s.decisions = 0")

    def _driver(self) -> neo4j.Driver:
        return neo4j.GraphDatabase.driver(
            f"bolt://127.0.0.1:{self.port}",
            auth=("neo4j", PASSWORD),
            connection_timeout=5,
            notifications_min_severity="OFF",
        )

    def answers(self) -> bool:
        try:
            return self.ask("RETURN 1") == [[1]]
        except (DriverError, Neo4jError):
            return False
