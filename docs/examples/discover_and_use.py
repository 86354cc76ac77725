"""Finds services on the LAN by what they can do and where they are, and uses each.

    python discover_and_use.py --endpoint https://192.168.1.10:3500 --ca ca.pem --enrolment enrol.json \
        --capability temperature-read --location factory-floor-a

What the gateway offers itself is read through it. What another agent offers is called at that agent's own endpoint;
where that agent asks for a token, both share a secret of their own (`--service-secret`, a file of base64url). The
gateway's token is shown to nobody else.
"""

import argparse
from pathlib import Path

from ferrule_client import Enrolment, FerruleClient, FerruleError, Service, TokenManager


def read_from_gateway(client: FerruleClient, service: Service) -> None:
    """Read the tags of one of the gateway's own devices."""
    tags = service.metadata.get("tags")
    if not isinstance(tags, list) or not tags:
        print("  has no tags")
        return
    for reading in client.read_tags(tags[:20], max_age=10).values():
        shown = reading.value if reading.quality == "good" else f"{reading.quality}: {reading.reason}"
        print(f"  {reading.tag} = {shown}")


def call_agent(client: FerruleClient, service: Service, agent_id: str, given: argparse.Namespace) -> None:
    """Call the agent that announced the service."""
    token = None
    if given.service_secret:
        secret = Path(given.service_secret).read_text().strip()
        token = TokenManager(secret, audience=service.service_id).generate(
            agent_id, ["temperature-read"], expires_in=60
        )
    result = client.call_service(
        service, "temperature.read", {"address": 1}, path="/temperature", token=token, ca=given.service_ca
    )
    print(f"  Temperature: {result['value'] if isinstance(result, dict) else result} °C")


def main() -> None:
    """Discover, then use what was found."""
    options = argparse.ArgumentParser(description="Find services and use them.")
    options.add_argument("--endpoint", required=True, help="the gateway: https://192.168.1.10:3500")
    options.add_argument("--ca", required=True, help="its ca.pem")
    options.add_argument("--enrolment", required=True, help="what ferrule agents enrol printed")
    options.add_argument("--token-file", help="where the token is kept (default: the enrolment's name with .token)")
    options.add_argument("--capability", help="only services that can do this")
    options.add_argument("--location", help="only services there")
    options.add_argument(
        "--service-ca", help="the authority of the other agents' certificates (default: the gateway's)"
    )
    options.add_argument("--service-secret", help="file with the secret shared with the other agents")
    given = options.parse_args()

    enrolment = Enrolment.load(given.enrolment)
    card = {
        "agentId": enrolment.agent_id,
        "name": "Reader",
        "description": "Reads what it finds",
        "version": "1.0.0",
        "capabilities": [
            {
                "id": "temperature-read",
                "name": "Temperature Reading",
                "description": "Asks others for it",
                "category": "sensor",
                "version": "1.0.0",
            }
        ],
        "endpoints": [],
    }
    kept = given.token_file or f"{given.enrolment}.token"
    with FerruleClient(given.endpoint, card, ca=given.ca, enrolment=enrolment, token_file=kept) as client:
        client.register()
        found = client.discover_services(capability=given.capability, location=given.location)
        print(f"Found {found.total} services:")
        for service in found.services:
            print(f"- {service.name} ({service.service_id}) at {service.endpoint}", flush=True)
            try:
                if service.service_id.startswith("device:"):
                    read_from_gateway(client, service)
                elif "temperature-read" in service.capabilities:
                    call_agent(client, service, enrolment.agent_id, given)
            except FerruleError as error:
                print(f"  not now: {error}")


if __name__ == "__main__":
    try:
        main()
    except FerruleError as error:
        raise SystemExit(f"Discovery failed: {error}") from None
