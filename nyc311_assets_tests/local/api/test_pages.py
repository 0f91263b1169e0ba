from __future__ import annotations

import httpx
from databricks.sdk.service import jobs

from nyc311_assets_tests.local.workspaces import TOKEN, RunningWorkspace


def page(run: jobs.Run) -> httpx.Response:
    assert run.run_page_url
    return httpx.get(run.run_page_url)


def test_a_person_sees_state_times_and_log_without_the_token(workspace: RunningWorkspace) -> None:
    task = workspace.task("print('<b>rows</b>'); raise ValueError('a & b')")
    run = workspace.wait(workspace.submit_task(task, run_name="nightly <run>"))
    seen = page(run)
    assert seen.status_code == 200
    assert "nightly &lt;run&gt;" in seen.text
    assert "FAILED" in seen.text
    assert "&lt;b&gt;rows&lt;/b&gt;" in seen.text
    assert "ValueError: a &amp; b" in seen.text
    assert TOKEN not in seen.text + str(run.run_page_url)
    assert 'http-equiv="refresh"' not in seen.text
    assert "default-src 'none'" in seen.headers["content-security-policy"]


def test_the_page_of_a_run_under_way_refreshes(workspace: RunningWorkspace) -> None:
    run_id = workspace.submit("import time; time.sleep(600)")
    assert 'http-equiv="refresh"' in page(workspace.client.jobs.get_run(run_id)).text
    workspace.client.jobs.cancel_run(run_id)
    assert "CANCELED" in page(workspace.wait(run_id)).text


def test_a_page_needs_the_key_in_its_address(workspace: RunningWorkspace) -> None:
    run = workspace.wait(workspace.submit("print('hello')"))
    base = f"{workspace.host}/runs/{run.run_id}"
    for address in (base, f"{base}?key=guessed", f"{base}?key=ä", f"{workspace.host}/runs/1?key="):
        answer = httpx.get(address)
        assert answer.status_code == 404
        assert "hello" not in answer.text
