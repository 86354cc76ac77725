"""Derived tags: the power a heat meter would show, from two temperatures and a flow."""

from ferrule_plugin import Event, Plugin, Reading

# kJ a litre and kelvin: what water takes up.
HEAT_OF_WATER = 4.19

plugin = Plugin()
latest: dict[str, Reading] = {}


@plugin.on_start
def begin() -> None:
    """Learn what the tags say now; from then on only changes are told."""
    for name, tag in inputs().items():
        latest[name] = plugin.read(tag)


@plugin.on_event("tag:changed")
def changed(event: Event) -> None:
    """One of the inputs says something else."""
    for name, tag in inputs().items():
        if event.data["tag"] == tag:
            latest[name] = Reading.of(event.data)
            publish()


@plugin.on_message("power")
def asked(_: object) -> dict[str, object]:
    """Another plugin wants to know."""
    return {"kilowatts": power()}


def inputs() -> dict[str, str]:
    """The tags it is configured to read."""
    return {name: plugin.config[name] for name in ("supply", "return", "flow")}


def power() -> float | None:
    """Kilowatts; None where one of the inputs is not good."""
    values = [latest[name].value if name in latest and latest[name].good else None for name in inputs()]
    if any(value is None for value in values):
        return None
    supply, back, flow = (float(value or 0) for value in values)
    return round(HEAT_OF_WATER * flow * (supply - back), 3)


@plugin.every(30.0)
def publish() -> None:
    """Say the derived tag, before it counts as stale: an unknown input makes it bad, never an invented number."""
    found = power()
    plugin.publish_reading(plugin.config["result"], found, quality="bad" if found is None else "good", units="kW")
    plugin.health("healthy" if found is not None else "degraded", None if found is not None else "an input is not good")


plugin.run()
