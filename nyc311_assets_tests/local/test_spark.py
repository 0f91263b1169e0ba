from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from pyspark.sql import SparkSession

from nyc311_assets.local.external_spark import ExternalSpark
from nyc311_assets.local.spark import SparkNotStarted, SparkServer
from nyc311_assets.local.spark_settings import spark_settings
from nyc311_assets_tests.shared_spark import SharedSpark

pytestmark = pytest.mark.spark


def test_delta_tables_are_written_merged_and_read(spark: SparkSession, tmp_path: Path) -> None:
    table = tmp_path / "a table"
    spark.range(3).selectExpr("id", "'old' AS state").write.format("delta").save(str(table))
    spark.range(2, 5).selectExpr("id", "'new' AS state").createOrReplaceTempView("changes")
    spark.sql(
        f"MERGE INTO delta.`{table}` t USING changes s ON t.id = s.id "
        "WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    ).collect()
    rows = spark.read.format("delta").load(str(table)).orderBy("id").collect()
    assert [(row.id, row.state) for row in rows] == [
        (0, "old"),
        (1, "old"),
        (2, "new"),
        (3, "new"),
        (4, "new"),
    ]


def test_the_session_is_in_utc_and_ready_for_python(spark: SparkSession) -> None:
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"
    frame = spark.range(4).mapInPandas(lambda batches: batches, "id LONG")
    assert sorted(row.id for row in frame.collect()) == [0, 1, 2, 3]


def test_only_this_machine_reaches_the_server(spark_server: SharedSpark) -> None:
    listening = {
        connection.laddr.ip
        for connection in psutil.Process(spark_server.pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening <= {"127.0.0.1", "::ffff:127.0.0.1"}


def test_a_client_without_the_token_is_refused(spark_server: SharedSpark) -> None:
    # In a process of its own: a refused client goes on trying in the background.
    script = f"""
from pyspark.sql import SparkSession
SparkSession.builder.remote("sc://localhost:{spark_server.port}").create().range(1).count()
"""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SPARK_CONNECT_AUTH")}
    with subprocess.Popen(
        [sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, env=environment
    ) as client:
        assert client.stderr is not None
        seen = ""
        for line in client.stderr:
            seen += line
            if "UNAUTHENTICATED" in line:
                break
        client.kill()
    assert "UNAUTHENTICATED" in seen


def test_the_token_is_neither_on_a_command_line_nor_left_on_disk(
    spark_server: SharedSpark,
) -> None:
    token = spark_server.remote.partition("token=")[2].partition(";")[0]
    assert token not in " ".join(psutil.Process(spark_server.pid).cmdline())
    home = spark_server.home
    texts = [path.read_text(errors="replace") for path in home.iterdir() if path.is_file()]
    assert texts
    assert not any(token in text for text in texts)


def test_a_start_that_fails_shows_spark_s_log(tmp_path: Path) -> None:
    server = SparkServer(tmp_path, java_options="-agentlib:nosuch")
    with pytest.raises(
        SparkNotStarted, match=r"ended with exit code 1 (.|\n)*Could not find agent library nosuch"
    ):
        server.start(60)
    assert not server.alive()
    assert not (tmp_path / "spark.properties").exists()


def test_a_start_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    server = SparkServer(tmp_path)
    with pytest.raises(SparkNotStarted, match=r"not ready after 0\.1 s"):
        server.start(0.1)
    assert not server.alive()


def test_a_server_that_was_not_started_has_no_address(tmp_path: Path) -> None:
    server = SparkServer(tmp_path)
    assert (server.alive(), server.pid, server.returncode) == (False, None, None)
    server.stop()
    with pytest.raises(SparkNotStarted, match="has not been started"):
        _ = server.remote


@pytest.mark.long
def test_spark_dies_with_its_owner_and_works_in_a_folder_with_spaces(tmp_path: Path) -> None:
    home = tmp_path / "a home with spaces"
    script = f"""
import time
from pathlib import Path
from pyspark.sql import SparkSession
from nyc311_assets.local.spark import SparkServer
server = SparkServer(Path({str(home)!r}), driver_memory="1g")
server.start(120)
spark = SparkSession.builder.remote(server.remote).create()
print(server.pid, spark.range(5).count(), flush=True)
time.sleep(600)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        pid, count = map(int, owner.stdout.readline().split())
        owner.send_signal(signal.SIGKILL)
    assert count == 5
    deadline = time.monotonic() + 20
    while psutil.pid_exists(pid):
        assert time.monotonic() < deadline, "Spark outlives its owner"
        time.sleep(0.05)


def test_another_spark_is_used_as_it_is(spark_server: SharedSpark) -> None:
    spark = ExternalSpark(spark_server.remote)
    spark.start(5)
    spark.stop()
    assert spark.alive()
    assert spark.remote == spark_server.remote


def test_another_spark_that_does_not_answer_is_named_without_its_token() -> None:
    spark = ExternalSpark("sc://127.0.0.1:1/;token=s3cret")
    with pytest.raises(SparkNotStarted, match=r"sc://127\.0\.0\.1:1, and nothing answers") as error:
        spark.start(0.1)
    assert "s3cret" not in str(error.value) + spark.describe_end()


def test_small_tables_are_not_cut_into_many_parts() -> None:
    assert spark_settings(cores=1)["spark.sql.shuffle.partitions"] == "2"
    assert spark_settings(cores=8)["spark.sql.shuffle.partitions"] == "8"


def test_settings_that_are_given_go_over_the_usual_ones(spark: SparkSession) -> None:
    assert spark.conf.get("spark.sql.shuffle.partitions") == "1"
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"
