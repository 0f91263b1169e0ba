"""Settings of the embedded Spark."""

from __future__ import annotations

LOG4J = """\
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %p %c{1}: %m%n%ex
logger.server.name = org.apache.spark.sql.connect.service.SparkConnectServer
logger.server.level = info
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
"""


# Compiling the plans of a daily run takes longer than interpreting its 80,000 rows. With twice as many
# rows both took the same, with ten times as many compiling pays.
_INTERPRETED_PARTITIONS = 7


def session_settings(partitions: int) -> dict[str, str]:
    """Settings of a job's own session, over those of the server.

    Args:
        partitions: How many daily partitions the job works on; 0 for one on whole tables.
    """
    if not 0 < partitions <= _INTERPRETED_PARTITIONS:
        return {}
    return {
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    }


def spark_settings(cores: int) -> dict[str, str]:
    """Return Spark's settings for tables of some hundred thousand rows on one machine.

    Args:
        cores: Number of cores that Spark may use.
    """
    tasks = str(max(2, cores))
    return {
        "spark.app.name": "nyc311_assets",
        "spark.master": "local[*]",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": "0",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": tasks,
        "spark.default.parallelism": tasks,
        "spark.sql.adaptive.enabled": "true",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": tasks,
        # Delta splits a table's state into 50 parts; for small tables that is 50 empty tasks a look.
        "spark.databricks.delta.snapshotPartitions": "2",
    }
