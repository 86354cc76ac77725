"""An agent that registers with the gateway and stays registered.

    pip wheel --no-deps gateway/sdk/ferrule_client     in the gateway's sources: the kit is in no package index
    pip install ./ferrule_client-*.whl
    python register_and_heartbeat.py --endpoint https://192.168.1.10:3500 --ca ca.pem --enrolment enrol.json

`ca.pem` comes from the gateway's state directory, `enrol.json` is what `ferrule agents enrol --agent-id ID` printed.
It runs until it is interrupted, over restarts of the gateway and of itself.
"""

import argparse
import logging
import os
import socket
import threading
from urllib.parse import urlsplit

from ferrule_client import Enrolment, FerruleClient, FerruleError, Report


def own_address(endpoint: str) -> str:
    """The address of this machine that the gateway sees."""
    gateway = urlsplit(endpoint)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.connect((gateway.hostname, gateway.port or 3500))
        address: str = way.getsockname()[0]
        return address


def card(agent_id: str, address: str) -> dict[str, object]:
    """What others may know of this agent."""
    return {
        "agentId": agent_id,
        "name": "Temperature Sensor",
        "description": "Modbus temperature sensor agent",
        "version": "1.0.0",
        "capabilities": [
            {
                "id": "temperature-read",
                "name": "Temperature Reading",
                "description": "Read temperature via Modbus RTU",
                "category": "sensor",
                "version": "1.0.0",
                "parameters": [
                    {
                        "name": "address",
                        "type": "number",
                        "required": True,
                        "description": "Modbus slave address (1-247)",
                        "minimum": 1,
                        "maximum": 247,
                    }
                ],
            }
        ],
        "endpoints": [{"protocol": "https", "host": address, "port": 8443, "path": "/api/v1"}],
    }


def report() -> Report:
    """How this agent is; asked before each heartbeat."""
    metrics = {"threads": float(threading.active_count())}
    if hasattr(os, "getloadavg"):
        metrics["load"] = os.getloadavg()[0]
    return Report(metrics=metrics)


def main() -> None:
    """Register, then beat until interrupted."""
    options = argparse.ArgumentParser(description="Register an agent and keep it registered.")
    options.add_argument("--endpoint", required=True, help="the gateway: https://192.168.1.10:3500")
    options.add_argument("--ca", required=True, help="its ca.pem")
    options.add_argument("--enrolment", required=True, help="what ferrule agents enrol printed")
    options.add_argument("--token-file", help="where the token is kept (default: the enrolment's name with .token)")
    given = options.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")

    enrolment = Enrolment.load(given.enrolment)
    kept = given.token_file or f"{given.enrolment}.token"
    own = card(enrolment.agent_id, own_address(given.endpoint))
    with FerruleClient(given.endpoint, own, ca=given.ca, enrolment=enrolment, token_file=kept) as client:
        result = client.register()
        print(f"Registered: {result.agent_id}, until {result.expires_at:%H:%M:%S %Z}", flush=True)
        beat = client.heartbeat(metrics=report().metrics)
        print(f"Heartbeat heard, the next one in {beat.wait:.0f} s", flush=True)
        client.keep_alive(report)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit(0) from None
    except FerruleError as error:
        raise SystemExit(f"Registration failed: {error}") from None
