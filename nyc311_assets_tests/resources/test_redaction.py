from __future__ import annotations

from nyc311_assets.resources.redaction import Redactor


def test_a_secret_that_begins_with_another_leaves_no_rest() -> None:
    redact = Redactor(["abc", "abcdef"])
    assert redact("abcdef, abc, ab") == "[REDACTED], [REDACTED], ab"


def test_unset_secrets_change_nothing() -> None:
    assert Redactor([None, ""])("a text") == "a text"
