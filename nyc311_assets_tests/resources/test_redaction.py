from __future__ import annotations

import traceback

import pytest

from nyc311_assets.resources.redaction import Redactor


def test_a_secret_that_begins_with_another_leaves_no_rest() -> None:
    redact = Redactor(["abc", "abcdef"])
    assert redact("abcdef, abc, ab") == "[REDACTED], [REDACTED], ab"


def test_unset_secrets_change_nothing() -> None:
    assert Redactor([None, ""])("a text") == "a text"


# Not in the lines of code that a traceback shows.
SECRET = "abc" + "def"


class Stubborn(Exception):
    """Its text is not made of its arguments."""

    def __str__(self) -> str:
        return f"with {SECRET}"


@pytest.mark.parametrize("cause", [ValueError(f"with {SECRET}"), Stubborn()])
def test_what_caused_an_exception_is_shown_without_secrets(cause: Exception) -> None:
    try:
        try:
            try:
                raise cause  # noqa: TRY301 - it is to have a traceback
            except Exception as error:
                raise OSError(f"refused {SECRET}") from error
        except OSError:
            raise RuntimeError("in the handling") from None
    except RuntimeError as error:
        last = error
    Redactor([SECRET]).clean(last)
    shown = "".join(traceback.format_exception(last))
    # `from None` hides it; Dagster shows it all the same.
    context = "".join(traceback.format_exception(last.__cause__ or last.__context__))
    assert SECRET not in shown + context
    assert "with [REDACTED]" in context


def test_a_circle_of_causes_is_gone_through_once() -> None:
    first, second = ValueError("abcdef"), ValueError("abcdef")
    first.__cause__, second.__cause__ = second, first
    Redactor(["abcdef"]).clean(first)
    assert str(first) == str(second) == "[REDACTED]"
