from __future__ import annotations

from importlib.metadata import version

import pytest

from nyc311_assets.local.requirements import LibraryMissing, check_requirements


def test_what_is_installed_is_accepted() -> None:
    check_requirements(
        [
            f"/volumes/wheels/nyc311_assets-{version('nyc311_assets')}-py3-none-any.whl",
            f"httpx=={version('httpx')}",
            "starlette",
        ]
    )


@pytest.mark.parametrize(
    ("requirement", "message"),
    [
        ("no-such-package-311", "no-such-package-311 is not installed: pip install"),
        ("httpx<0.1", f"httpx<0.1 is asked for and {version('httpx')} is installed"),
        ("/volumes/nyc311_assets-999-py3-none-any.whl", "nyc311-assets==999 is asked for and"),
        ("/volumes/nonsense.whl", "neither a wheel nor a requirement"),
        ("???", "neither a wheel nor a requirement"),
    ],
)
def test_what_is_not_installed_is_named(requirement: str, message: str) -> None:
    with pytest.raises(LibraryMissing, match=message):
        check_requirements(["starlette", requirement])


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(LibraryMissing, match=r"no-such-a is not .*; no-such-b is not "):
        check_requirements(["no-such-a", "no-such-b"])
