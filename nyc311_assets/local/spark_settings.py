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

_MEGABYTE = 1024 * 1024


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
        # A day's work compiles some 350 classes; most of them serve the next day, too.
        "spark.sql.codegen.cache.maxEntries": "3000",
        # Two weeks of requests. A larger file is read by one core, for a few days in it.
        "spark.databricks.delta.optimize.maxFileSize": str(16 * _MEGABYTE),
        "spark.databricks.delta.optimize.minFileSize": str(8 * _MEGABYTE),
        # Delta splits a table's state into 50 parts; for small tables that is 50 empty tasks a look.
        "spark.databricks.delta.snapshotPartitions": "2",
    }
