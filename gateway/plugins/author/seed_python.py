"""What a new plugin in Python begins with."""

from __future__ import annotations

MAIN = '''\
"""Publishes a tag in other units: value * factor + offset."""

from ferrule_plugin import Event, Plugin, PluginError, Reading

plugin = Plugin()


def converted(value: float, factor: float = 1.0, offset: float = 0.0) -> float:
    """The value in the units that are wanted."""
    return value * factor + offset


@plugin.every(30.0)
def look() -> None:
    """Only changes are told: what the tag says at the start, and again before the result counts as stale."""
    try:
        publish(plugin.read(plugin.config["tag"]))
    except PluginError as error:
        plugin.health("unhealthy", str(error))
        raise


@plugin.on_event("tag:changed")
def changed(event: Event) -> None:
    """One of the tags this plugin may read says something else."""
    if event.data["tag"] == plugin.config["tag"]:
        publish(Reading.of(event.data))


def publish(reading: Reading) -> None:
    """Say the result: what is not known makes it bad, never an invented number."""
    config, value = plugin.config, None
    if reading.value is not None:
        value = converted(float(reading.value), config.get("factor", 1.0), config.get("offset", 0.0))
    quality = "bad" if value is None else reading.quality
    plugin.publish_reading(config["result"], value, quality=quality, units=config.get("units"))
    plugin.health("healthy" if reading.good else "degraded", reading.message)


if __name__ == "__main__":
    plugin.run()
'''

TEST = '''\
"""Tests of this plugin: python3 -m unittest. They need no gateway."""

import json
import subprocess
import sys
import unittest
from pathlib import Path

from main import converted

HERE = Path(__file__).parent


class Converting(unittest.TestCase):
    def test_a_value_is_converted(self):
        self.assertEqual(converted(20.0, 1.8, 32.0), 68.0)


class Conversation(unittest.TestCase):
    """The whole plugin, spoken with as the gateway does."""

    def setUp(self):
        words = [sys.executable, str(HERE / "main.py")]
        self.plugin = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end)

    def end(self):
        self.plugin.stdin.close()
        self.plugin.wait(10)
        self.plugin.stdout.close()

    def say(self, **message):
        self.plugin.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\\n")
        self.plugin.stdin.flush()

    def hears(self, method):
        """The parameters of the next request of this method; others get an empty answer on the way."""
        for line in self.plugin.stdout:
            message = json.loads(line)
            if "method" in message and message.get("id") is not None:
                reading = {"tag": "boiler/plc/temp", "value": 20.0, "quality": "good"}
                self.say(id=message["id"], result={"readings": [reading]})
            if message.get("method") == method:
                return message["params"]
        self.fail(f"it ended without {method}")

    def test_it_publishes_what_the_tag_says(self):
        config = json.loads((HERE / "config.example.json").read_text())
        self.say(id=1, method="initialize", params={"config": config, "instance": "test", "permissions": []})
        said = self.hears("reading.publish")
        self.assertEqual((said["tag"], said["value"]), ("derived/fahrenheit", 68.0))


if __name__ == "__main__":
    unittest.main()
'''
