"""An agent that hears of alarms and of messages to it, and misses none while it, or the gateway, is away.

    pip wheel --no-deps gateway/sdk/ferrule_client     in the gateway's sources: the kit is in no package index
    pip install "./ferrule_client-0.1.0-py3-none-any.whl[events]"
    python follow_events.py --endpoint https://192.168.1.10:3500 --ca ca.pem --enrolment enrol.json

`ca.pem` comes from the gateway's state directory, `enrol.json` is what `ferrule agents enrol --agent-id ID` printed.
It runs until it is interrupted. Where it stands is kept beside the enrolment, as is its token.
"""

import argparse
import logging
from pathlib import Path

from ferrule_client import Enrolment, Event, EventsMissedError, FerruleClient, FerruleError


def say_standing(client: FerruleClient) -> None:
    """What stands now; whoever has missed something begins with this."""
    for alarm in client.list_alarms("standing").alarms:
        print(f"stands: {alarm.severity}: {alarm.message} (since {alarm.raised_at:%H:%M:%S})", flush=True)


def heed(client: FerruleClient, own: str, event: Event) -> None:
    """Do something about an event."""
    data = event.data
    if event.type == "message:received" and data["to_agent"] == own:
        print(f"message of {data['from_agent']}: {data['content']}", flush=True)
        client.acknowledge_message(str(data["message_id"]))
    elif event.type.startswith("alarm:"):
        print(f"{event.type}: {data['severity']}: {data['message']}", flush=True)


def main() -> None:
    """Register, then follow events until interrupted."""
    options = argparse.ArgumentParser(description="Hear of alarms and messages.")
    options.add_argument("--endpoint", required=True, help="the gateway: https://192.168.1.10:3500")
    options.add_argument("--ca", required=True, help="its ca.pem")
    options.add_argument("--enrolment", required=True, help="what ferrule agents enrol printed")
    given = options.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")

    enrolment = Enrolment.load(given.enrolment)
    card = {"agentId": enrolment.agent_id, "name": "Listener", "description": "", "version": "1.0.0",
            "capabilities": [], "endpoints": []}  # fmt: skip
    place = Path(f"{given.enrolment}.seq")
    since = int(place.read_text()) if place.exists() else 0
    with FerruleClient(
        given.endpoint, card, ca=given.ca, enrolment=enrolment, token_file=f"{given.enrolment}.token"
    ) as client:
        client.register()
        say_standing(client)
        with client.heartbeats(), client.follow_events(["alarms", "agent:messages"], since=since) as events:
            print("following", flush=True)
            while True:
                try:
                    event = next(events)
                except EventsMissedError as missed:
                    print(missed, flush=True)
                    say_standing(client)
                    continue
                heed(client, enrolment.agent_id, event)
                place.write_text(str(event.seq))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit(0) from None
    except FerruleError as error:
        raise SystemExit(f"Following events failed: {error}") from None
