"""The `nyc311` command."""

from nyc311_assets.cli.app import app

__all__ = ["app"]
