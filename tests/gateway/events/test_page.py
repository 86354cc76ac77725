"""docs/events.md says what the catalogue says."""

from __future__ import annotations

from gateway.core.catalogue import CATALOGUE
from gateway.core.events import RESERVED
from tests.gateway.events.page import BEGIN, PAGE, catalogue


def test_the_page_is_the_catalogue() -> None:
    _, _, generated = PAGE.read_text().partition(BEGIN)
    assert generated.strip() == catalogue().strip(), "write it anew: python -m tests.gateway.events.page"


def test_what_others_may_not_publish_is_on_the_page() -> None:
    written, _, _ = PAGE.read_text().partition(BEGIN)
    for word in RESERVED:
        assert f"`{word}*`" in written or f"`{word}`" in written


def test_every_type_has_words() -> None:
    page = catalogue()
    for name, type_ in CATALOGUE.items():
        assert f"| `{name}` | {type_.summary} |" in page
