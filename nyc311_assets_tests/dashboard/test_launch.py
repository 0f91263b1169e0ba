"""Where the server may be reached from, and who may look."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from nyc311_assets.cli import app
from nyc311_assets.dashboard.launch import NotProtected, check_address
from nyc311_assets.dashboard.signin import SignInUnusable, is_allowed, is_configured
from nyc311_assets.dashboard.theme import DARK, LIGHT, options
from nyc311_assets.settings import Settings

COMPLETE = '[auth]\nredirect_uri = "https://a/oauth2callback"\ncookie_secret = "c"\n'


def test_without_sign_in_only_this_machine_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NYC311_DASHBOARD_ADDRESS", "0.0.0.0")  # noqa: S104 # to be refused
    monkeypatch.setenv("NYC311_DASHBOARD_SECRETS", str(tmp_path / "secrets.toml"))
    result = CliRunner().invoke(app, ["dashboard"])
    assert result.exit_code == 2
    assert "open to everybody" in result.stderr


def test_sign_in_without_a_list_of_people_is_refused() -> None:
    wide = Settings(dashboard_address="10.0.0.1")
    with pytest.raises(NotProtected, match="authorises nobody"):
        check_address(wide, signs_in=True)
    check_address(wide.model_copy(update={"dashboard_allowed": "@example.org"}), signs_in=True)
    check_address(Settings(), signs_in=False)


def test_sign_in_is_on_when_its_section_is_complete(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.toml"
    assert not is_configured(secrets)
    secrets.write_text('[other]\nkey = "value"\n')
    assert not is_configured(secrets)
    secrets.write_text(COMPLETE)
    assert is_configured(secrets)
    secrets.write_text('[auth]\nredirect_uri = "https://a"\n')
    with pytest.raises(SignInUnusable, match="lacks cookie_secret"):
        is_configured(secrets)
    secrets.write_text("[auth")
    with pytest.raises(SignInUnusable, match="cannot be read"):
        is_configured(secrets)


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        ("Ann@Example.org", True),
        ("bob@city.example.org", True),
        ("eve@example.org", False),
        ("eve@evilcity.example.org.com", False),
        ("", False),
    ],
)
def test_only_named_people_and_domains_may_look(email: str, *, expected: bool) -> None:
    assert is_allowed(email, ("ann@example.org", "@city.example.org")) is expected


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_texts_stand_out_from_their_background(colours: object) -> None:
    background = getattr(colours, "background")  # noqa: B009
    for name in ("text", "primary", "above", "below", "confirmed", "watch", "ok"):
        assert _contrast(getattr(colours, name), background) >= 4.5, name


def test_every_option_is_one_of_streamlit_s() -> None:
    from streamlit import config  # noqa: PLC0415 # a second of imports

    known = config.get_options_for_section
    for name in options():
        section, _, option = name.rpartition(".")
        assert option in known(section), name


def _contrast(first: str, second: str) -> float:
    """The contrast ratio of WCAG 2.1."""
    bright, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
