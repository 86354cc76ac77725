"""The plugin kit is found where it is, and where it is not that is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.plugins.author.kit import NoKitError, kit_for, places, read_kit

ROOT = Path(__file__).parents[4]
USES = b"import json\nfrom ferrule_plugin import Plugin\n"


def test_the_kit_is_that_of_the_gateway_and_nothing_but_its_code() -> None:
    kit = read_kit()
    own = ROOT / "gateway" / "sdk" / "ferrule_plugin"
    assert kit["ferrule_plugin/plugin.py"] == (own / "plugin.py").read_bytes()
    assert set(kit) == {f"ferrule_plugin/{path.name}" for path in own.glob("*.py")} | {"ferrule_plugin/py.typed"}
    assert places()[0] == own


def test_a_kit_that_is_installed_from_its_wheel_does_as_well(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text("# a wheel")
    assert read_kit([tmp_path / "none", tmp_path])["ferrule_plugin/__init__.py"] == b"# a wheel"
    with pytest.raises(NoKitError, match="install its wheel"):
        read_kit([tmp_path / "none"])


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"main.py": USES}, True),
        ({"lib/deep.py": b"  import ferrule_plugin.values\n"}, True),
        ({"main.py": b"# from ferrule_plugin import Plugin\n"}, False),
        ({"main.js": USES}, False),
        ({"main.py": USES, "ferrule_plugin/__init__.py": b""}, False),
    ],
)
def test_who_imports_the_kit_and_does_not_bring_it_gets_it(files: dict[str, bytes], *, wanted: bool) -> None:
    assert bool(kit_for(files)) == wanted
