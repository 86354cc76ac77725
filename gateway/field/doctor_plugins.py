"""What plugins are run in on this board, where any is installed."""

from __future__ import annotations

from collections.abc import Callable

import trio

from gateway.field.doctor import Finding, State, World
from gateway.plugins.host.ground import INSTANCES
from gateway.plugins.host.probe import find_means
from gateway.plugins.host.sandbox import GRAVE, WORDS, Means, unprotected


def look_for_means() -> Means:
    """What there is to make a sandbox of, found by making one."""
    return trio.run(find_means)


def plugin_checks(world: World, look: Callable[[], Means] = look_for_means) -> list[Finding]:
    """Whether the system protects itself from the plugins it runs; nothing where it runs none.

    Args:
        world: what is looked at.
        look: finds what there is to make a sandbox of.
    """
    place = world.state / INSTANCES
    try:
        installed = sum(1 for _ in place.iterdir())
    except OSError:
        return []
    if not installed:
        return []
    means = look()
    lacking = [WORDS[one] for one in unprotected(means) if one in GRAVE]
    if not lacking:
        return [Finding("plugins", str(place), State.OK, f"the sandbox works; {installed} installed")]
    why = f" ({means.why})" if means.why else ""
    words = f"plugins are not protected as they should be{why}"
    return [Finding("plugins", str(place), State.WARNING, words, "; ".join(lacking))]
