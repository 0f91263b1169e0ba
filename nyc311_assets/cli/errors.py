"""What can go wrong with work on whole tables, as the command tells it."""

from __future__ import annotations


class WrongUse(ValueError):
    """The command was given what it cannot work with."""


class OperationRefused(LookupError):
    """What was asked for is not there."""


class OperationFailed(RuntimeError):
    """The run did not succeed."""
