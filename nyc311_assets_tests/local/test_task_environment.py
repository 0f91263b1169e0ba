from __future__ import annotations

from nyc311_assets.local.task_environment import task_environment


def environment(**variables: str) -> dict[str, str]:
    server = {
        "PATH": "/usr/bin",
        "HOME": "/home/a",
        "LC_ALL": "C.UTF-8",
        "AWS_REGION": "us-east-1",
        "MLFLOW_TRACKING_URI": "sqlite:///m.db",
        "HTTPS_PROXY": "http://proxy",
        "DATABRICKS_TOKEN": "dapi",
        "DAGSTER_HOME": "/dagster",
        "NYC311_SODA_APP_TOKEN": "app",
        "GITHUB_TOKEN": "gh",
        "SPARK_REMOTE": "sc://elsewhere",
    }
    return task_environment(server, variables=variables, spark_remote="sc://localhost:1")


def test_a_task_sees_what_programs_need_and_no_credentials_of_others() -> None:
    seen = environment()
    assert {"HOME", "LC_ALL", "AWS_REGION", "MLFLOW_TRACKING_URI", "HTTPS_PROXY"} <= set(seen)
    assert not {"DATABRICKS_TOKEN", "DAGSTER_HOME", "NYC311_SODA_APP_TOKEN", "GITHUB_TOKEN"} & set(
        seen
    )


def test_a_task_sees_its_own_variables_and_its_session_of_spark() -> None:
    seen = environment(NYC311_SODA_APP_TOKEN="mine", SPARK_REMOTE="sc://mine")
    assert seen["NYC311_SODA_APP_TOKEN"] == "mine"
    assert seen["SPARK_REMOTE"] == "sc://localhost:1"
