"""A plugin to begin with: it can be run, tested and packed as it stands."""

from __future__ import annotations

import json
from collections.abc import Mapping

from gateway.plugins.author import seed_javascript, seed_python
from gateway.plugins.author.kit import read_kit
from gateway.plugins.author.source import IGNORE
from gateway.plugins.registry.naming import slug

LANGUAGES = ("python", "javascript")
EXAMPLE_CONFIG = "config.example.json"
_CONFIG: Mapping[str, object] = {
    "tag": "boiler/plc/temp",
    "result": "derived/fahrenheit",
    "factor": 1.8,
    "offset": 32,
    "units": "°F",
}
_SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {
        "tag": {"type": "string", "description": "tag to read"},
        "result": {"type": "string", "description": "tag to publish"},
        "factor": {"type": "number", "default": 1},
        "offset": {"type": "number", "default": 0},
        "units": {"type": "string", "maxLength": 32, "description": "of the result"},
    },
    "required": ["tag", "result"],
    "additionalProperties": False,
}
_README = """\
# {name}

Publishes a tag in other units: value * factor + offset.

| config | what it is |
|---|---|
| `tag` | name of the tag to read; `manifest.json` asks for `boiler/*` |
| `result` | name of the tag to publish, below `derived/` |
| `factor`, `offset` | 1 and 0 where they are left out |
| `units` | of the result |

## For its authors

```sh
{test}
ferrule plugin check .
ferrule plugin run . --config config.example.json --tag boiler/plc/temp=20
ferrule plugin pack .
```

`{ignore}` says what does not go into the package.
"""
_IGNORE = """\
# What does not go into the package, one pattern a line; with ! in front: what does, all the same.
# Names with a dot in front, caches, node_modules and archives are left out anyway.
{test}
"""


def seed(name: str, language: str) -> dict[str, bytes]:
    """The files of a new plugin.

    Args:
        name: of the plugin, for people; its id is made of it.
        language: one of ``LANGUAGES``.

    Raises:
        NoKitError: this installation has no kit for Python.
    """
    main, test, runtime, command = {
        "python": ("main.py", "test_main.py", "python", "python3 -m unittest"),
        "javascript": ("main.js", "main.test.js", "node", "node --test"),
    }[language]
    source = seed_python if language == "python" else seed_javascript
    manifest = {
        "id": slug(name),
        "name": name,
        "version": "0.1.0",
        "description": "Publishes a tag in other units",
        "category": "integration",
        "license": "MIT",
        "tags": ["example"],
        "config_schema": _SCHEMA,
        "permissions": ["read-tags:boiler/*", "read-events:tag:changed", "publish-readings:derived/*"],
        "entry": {"runtime": runtime, "command": [main]},
    }
    texts = {
        "manifest.json": _json(manifest),
        main: source.MAIN,
        test: source.TEST,
        "README.md": _README.format(name=name, test=command, ignore=IGNORE),
        EXAMPLE_CONFIG: _json(_CONFIG),
        IGNORE: _IGNORE.format(test=test),
    }
    kit = read_kit() if language == "python" else {}
    return {**{file: text.encode() for file, text in texts.items()}, **kit}


def _json(document: Mapping[str, object]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
