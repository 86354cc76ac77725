"""What is typed while a plugin is tried."""

from __future__ import annotations

import pytest

from gateway.plugins.author.steps import Ask, Configure, Emit, Hear, Quit, SetTag, Step, Wait, parse_step


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("boiler/plc/temp=20.5", SetTag("boiler/plc/temp", 20.5)),
        ("a=3", SetTag("a", 3)),
        ("a=true", SetTag("a", value=True)),
        ("a=open valve", SetTag("a", "open valve")),
        ("a=", SetTag("a", None, "bad")),
        ("a=null", SetTag("a", None, "bad")),
        ("a=NaN", SetTag("a", "NaN")),
        ("a=[1]", SetTag("a", "[1]")),
        ("message power", Ask("power")),
        ('message power {"a": 1}', Ask("power", {"a": 1})),
        ("serial scale ST,GS,+  12.34kg", Hear("scale", "ST,GS,+  12.34kg")),
        ('config {"a": 1}', Configure({"a": 1})),
        ("wait 1.5", Wait(1.5)),
        ("quit", Quit()),
        ('{"tag": "a", "value": 1, "quality": "uncertain"}', SetTag("a", 1, "uncertain")),
        ('{"tag": "a", "value": null}', SetTag("a", None, "bad")),
        ('{"type": "alarm:raised", "data": {"alarm": "x"}}', Emit("alarm:raised", {"alarm": "x"})),
        ('{"type": "alarm:raised"}', Emit("alarm:raised", {})),
        ('{"message": "power", "payload": [1]}', Ask("power", [1])),
        ('{"serial": "scale", "text": "x"}', Hear("scale", "x")),
        ('{"wait": 0}', Wait(0.0)),
    ],
)
def test_a_line_is_a_step(line: str, step: Step) -> None:
    assert parse_step(line) == step


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nonsense",
        "message",
        "message x {",
        "config [1]",
        "wait soon",
        "wait -1",
        "{}",
        '{"tag": "a"}',
        '{"tag": "a", "value": 1, "quality": "bad"}',
        '{"tag": "a", "value": null, "quality": "good"}',
        '{"tag": "a", "value": [1]}',
        '{"type": "x", "data": 1}',
        '{"type": "x", "dat": {}}',
        '{"wait": NaN}',
    ],
)
def test_what_is_none_is_told_how_one_is_written(line: str) -> None:
    with pytest.raises(ValueError, match=r"write boiler/plc/temp=20\.5|one of good, uncertain, bad"):
        parse_step(line)
