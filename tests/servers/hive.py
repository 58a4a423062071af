"""A real Apache HiveServer2 for tests: its jars fetched once by Maven, Tez in local mode, warehouse in local files."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from xml.sax.saxutils import escape

from tests.servers.hiveserver2 import SMALL, HiveServer
from tests.servers.install import fetched, install_java, maven

VERSION, HADOOP, TEZ = "4.0.1", "3.3.6", "0.10.4"
_DEPENDENCIES = (
    *(f"org.apache.hive:{name}:{VERSION}" for name in ("hive-service", "hive-standalone-metastore-server")),
    *(f"org.apache.hadoop:hadoop-{name}:{HADOOP}" for name in ("common", "hdfs")),
    *(f"org.apache.hadoop:hadoop-mapreduce-client-{name}:{HADOOP}" for name in ("jobclient", "common")),
    *(f"org.apache.tez:tez-{name}:{TEZ}" for name in ("dag", "mapreduce", "runtime-library", "runtime-internals")),
    "org.apache.derby:derby:10.14.2.0",
    "javax.servlet.jsp:javax.servlet.jsp-api:2.3.3",
    # Its chmod is no process of its own: a fifth of a second less for each statement.
    "com.globalmentor:hadoop-bare-naked-local-fs:0.1.0",
)
# pac4j's tree is not whole on Central; the others bring classes twice.
_EXCLUDED = (
    *("org.pac4j:*", "org.apache.atlas:*", "com.amazonaws.secretsmanager:*", "org.codehaus.groovy:*"),
    *("org.apache.curator:apache-curator", "org.apache.hadoop:hadoop-client-api", "com.microsoft.sqlserver:*"),
    *("log4j:log4j", "ch.qos.reload4j:reload4j", "org.slf4j:slf4j-log4j12", "org.slf4j:slf4j-reload4j"),
)
_RELOAD4J = "ch.qos.reload4j:reload4j:1.2.22"
_METASTORE = f"org.apache.hive:hive-standalone-metastore-server:{VERSION}:tar.gz:bin"
_OPENED = (
    *("java.base/java.lang", "java.base/java.lang.reflect", "java.base/java.util", "java.base/java.util.concurrent"),
    *("java.base/java.util.concurrent.atomic", "java.base/java.util.regex", "java.base/java.io", "java.base/java.net"),
    *("java.base/java.nio", "java.base/java.time", "java.base/java.math", "java.base/java.text"),
    *("java.base/sun.nio.ch", "java.sql/java.sql"),
)
_SITE = {
    "javax.jdo.option.ConnectionURL": "jdbc:derby:;databaseName=FOLDER/metastore_db;create=true",
    "javax.jdo.option.ConnectionDriverName": "org.apache.derby.jdbc.EmbeddedDriver",
    "javax.jdo.option.ConnectionUserName": "APP",
    "javax.jdo.option.ConnectionPassword": "mine",
    "hive.metastore.uris": "",
    "hive.metastore.schema.verification": "true",
    "datanucleus.schema.autoCreateAll": "false",
    # Every folder of the server lies under its own: unset ones would be made in /tmp and /user.
    "fs.defaultFS": "file:///",
    "fs.file.impl": "com.globalmentor.apache.hadoop.fs.BareLocalFileSystem",
    "hive.metastore.warehouse.dir": "file://FOLDER/warehouse",
    "hive.metastore.warehouse.external.dir": "file://FOLDER/warehouse_ext",
    "hive.exec.scratchdir": "file://FOLDER/scratch",
    "hive.exec.local.scratchdir": "FOLDER/local",
    "hive.downloaded.resources.dir": "FOLDER/resources",
    "hive.querylog.location": "FOLDER/qlog",
    "hive.server2.logging.operation.log.location": "FOLDER/oplog",
    "hive.query.results.cache.directory": "file://FOLDER/resultscache",
    "hive.user.install.directory": "file://FOLDER/user",
    "hive.jar.directory": "file://FOLDER/user/.hiveJars",
    "hadoop.tmp.dir": "FOLDER/hadooptmp",
    "mapreduce.cluster.local.dir": "FOLDER/hadooptmp/mapred/local",
    "mapreduce.jobtracker.staging.root.dir": "FOLDER/hadooptmp/mapred/staging",
    "yarn.app.mapreduce.am.staging-dir": "FOLDER/hadooptmp/mapred/am-staging",
    "tez.staging-dir": "file://FOLDER/scratch/tezstaging",
    "tez.local.cache.root.folder": "FOLDER/tmp",
    "hive.server2.thrift.bind.host": "127.0.0.1",
    "hive.server2.authentication": "NONE",
    "hive.server2.enable.doAs": "false",
    "hive.server2.webui.port": "0",
    "hive.server2.webui.host": "127.0.0.1",
    "hive.server2.max.start.attempts": "1",
    "hive.server2.thrift.min.worker.threads": "2",
    "hive.server2.thrift.max.worker.threads": "50",
    "hive.server2.builtin.udf.blacklist": "reflect,reflect2,java_method",
    "hive.server2.materializedviews.registry.impl": "DUMMY",
    "hive.notification.event.poll.interval": "0s",
    "hive.metastore.event.db.notification.api.auth": "false",
    # One task at a time through one shared session: with more, Tez in local mode loses rows without a word.
    "hive.execution.engine": "tez",
    "mapreduce.framework.name": "local",
    "tez.local.mode": "true",
    "tez.local.mode.without.network": "true",
    "tez.ignore.lib.uris": "true",
    "tez.am.inline.task.execution.max-tasks": "1",
    "hive.server2.tez.initialize.default.sessions": "true",
    "hive.server2.tez.default.queues": "default",
    "hive.server2.tez.sessions.per.default.queue": "1",
    "hive.server2.tez.sessions.custom.queue.allowed": "ignore",
    "hive.server2.tez.session.lifetime": "0s",
    "tez.runtime.optimize.local.fetch": "true",
    # The sorter that Tez takes by itself slows down: of a million patients its fifth spill took 9 s, its eighth 10 min.
    "tez.runtime.sorter.class": "LEGACY",
    "tez.runtime.io.sort.mb": "16",
    "tez.runtime.unordered.output.buffer.size-mb": "16",
    "tez.task.get-task.sleep.interval-ms.max": "10",
    "tez.counters.max": "10000",
    "tez.counters.max.groups": "3000",
    "hive.tez.container.size": "256",
    "hive.tez.cpu.vcores": "1",
    "hive.fetch.task.conversion": "more",
    "hive.query.results.cache.enabled": "false",
    "hive.stats.autogather": "false",
    "hive.exec.submit.local.task.via.child": "false",
}
_LOG = """status=WARN
appenders=f
appender.f.type=File
appender.f.name=f
appender.f.fileName=FOLDER/hive.log
appender.f.layout.type=PatternLayout
appender.f.layout.pattern=%d{ISO8601} %5p [%t] %c{2}: %m%n
rootLogger.level=WARN
rootLogger.appenderRefs=f
rootLogger.appenderRef.f.ref=f
loggers=dn
logger.dn.name=DataNucleus
logger.dn.level=ERROR
"""


def home() -> Path:
    """Give the folder of jars and of an empty metastore, fetching and making them the first time."""
    return fetched(f"hive-{VERSION}", _fetch)


def hive_in(folder: Path, *, java: Sequence[str] = SMALL, site: Mapping[str, str] = MappingProxyType({})) -> HiveServer:
    """Give a server in a new folder, not started yet; settings of ``site`` come before those of the tests."""
    install_java()
    shutil.copytree(home() / "metastore_db", folder / "metastore_db")
    words = _java(home(), folder, "org.apache.hive.service.server.HiveServer2", java=java, site=_SITE | dict(site))
    words += ["--hiveconf", "hive.server2.thrift.port={port}"]
    return HiveServer("HiveServer2", folder, words=words, environment={})


def _fetch(folder: Path) -> None:
    (folder / "pom.xml").write_text(_pom())
    copy = [f"-DoutputDirectory={folder}/lib", "-DincludeScope=runtime"]
    maven(folder, "dependency:copy-dependencies", *copy, "-DexcludeArtifactIds=slf4j-reload4j,slf4j-log4j12")
    # Tez needs its classes, but log4j's own bridge must come first on the class path.
    maven(folder, "dependency:copy", f"-Dartifact={_RELOAD4J}", f"-DoutputDirectory={folder}/lib2")
    maven(folder, "dependency:copy", f"-Dartifact={_METASTORE}", f"-DoutputDirectory={folder}/dist")
    (folder / "schema").mkdir()
    (archive,) = (folder / "dist").iterdir()
    inside = ["--strip-components=1", "--wildcards", "*/scripts/metastore/upgrade/derby/*"]
    subprocess.run(["tar", "xzf", archive, "-C", folder / "schema", *inside], check=True)
    shutil.rmtree(folder / "dist")
    run = folder / "run"
    run.mkdir()
    words = _java(
        folder, run, "org.apache.hadoop.hive.metastore.tools.schematool.MetastoreSchemaTool", java=SMALL, site=_SITE
    )
    schema = {"METASTORE_HOME": str(folder / "schema"), "HIVE_HOME": str(folder / "schema")}
    done = subprocess.run(
        [*words, "-dbType", "derby", "-initSchema"],
        cwd=run,
        env=os.environ | schema,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"Hive's metastore could not be made.\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    os.rename(run / "metastore_db", folder / "metastore_db")
    shutil.rmtree(run)


def _pom() -> str:
    excluded = "".join(
        f"<exclusion><groupId>{group}</groupId><artifactId>{artifact}</artifactId></exclusion>"
        for group, artifact in (item.split(":") for item in _EXCLUDED)
    )
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>"
        f"<exclusions>{excluded}</exclusions></dependency>"
        for group, artifact, version in (item.split(":") for item in _DEPENDENCIES)
    )
    return f"""<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>strokemap</groupId><artifactId>tests</artifactId><version>1</version><packaging>pom</packaging>
<dependencyManagement><dependencies><dependency><groupId>org.apache.hive</groupId><artifactId>hive</artifactId>
<version>{VERSION}</version><type>pom</type><scope>import</scope></dependency></dependencies></dependencyManagement>
<dependencies>{dependencies}</dependencies></project>
"""


def _java(jars: Path, folder: Path, main: str, *, java: Sequence[str], site: Mapping[str, str]) -> list[str]:
    """Write the configuration into a folder and give the command that runs a class with it."""
    conf = folder / "conf"
    for made in (conf, folder / "tmp", folder / "warehouse", folder / "warehouse_ext"):
        made.mkdir(parents=True)
    properties = "".join(
        f"<property><name>{name}</name><value>{escape(value.replace('FOLDER', str(folder)))}</value></property>\n"
        for name, value in site.items()
    )
    (conf / "hive-site.xml").write_text(f"<configuration>\n{properties}</configuration>\n")
    for name in ("log4j2.properties", "hive-log4j2.properties"):
        (conf / name).write_text(_LOG.replace("FOLDER", str(folder)))
    _put_apart(
        "org/apache/hadoop/hive/ql/exec/tez/DagUtils", jars / "lib" / f"hive-exec-{VERSION}.jar", conf / "apart.jar"
    )
    return [
        *("java", *(f"--add-opens={package}=ALL-UNNAMED" for package in _OPENED)),
        *("-Xms128m", *java, "-Djava.net.preferIPv4Stack=true"),
        *(f"-Dderby.system.home={folder}", f"-Dderby.stream.error.file={folder}/derby.log"),
        *(f"-Djava.io.tmpdir={folder}/tmp", f"-Dlog4j2.configurationFile={conf}/hive-log4j2.properties"),
        *("-cp", f"{conf}:{conf}/apart.jar:{jars}/lib/*:{jars}/lib2/*", main),
    ]


def _put_apart(name: str, jar: Path, into: Path) -> None:
    """Copy a class into a jar of its own: Hive gives each task of Tez a copy of DagUtils's jar, 83 MB otherwise."""
    with zipfile.ZipFile(jar) as whole, zipfile.ZipFile(into, "w") as part:
        for item in whole.namelist():
            if item.removesuffix(".class").partition("$")[0] == name:
                part.writestr(item, whole.read(item))
