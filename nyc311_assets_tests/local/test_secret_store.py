from __future__ import annotations

import pytest

from nyc311_assets.local.secret_store import SecretMissing, SecretStore


@pytest.fixture
def store() -> SecretStore:
    store = SecretStore()
    store.create_scope("nyc311")
    store.put("nyc311", "token", "s3cret")
    return store


def test_references_are_replaced_and_the_values_named(store: SecretStore) -> None:
    text, used = store.resolve("Bearer {{secrets/nyc311/token}} {{ secrets/nyc311/token }}")
    assert text == "Bearer s3cret s3cret"
    assert used == ("s3cret", "s3cret")


def test_a_text_without_references_stays(store: SecretStore) -> None:
    assert store.resolve("{{plain}}") == ("{{plain}}", ())


@pytest.mark.parametrize("reference", ["{{secrets/nyc311/other}}", "{{secrets/other/token}}"])
def test_a_secret_that_is_not_there_is_named(store: SecretStore, reference: str) -> None:
    with pytest.raises(SecretMissing, match=reference.strip("{}").removeprefix("secrets/")):
        store.resolve(reference)


def test_a_value_does_not_show_in_texts(store: SecretStore) -> None:
    assert "s3cret" not in repr(store.scopes)
