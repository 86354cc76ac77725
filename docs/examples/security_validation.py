"""Asks the gateway, before anything counts, whether an address and a card would do.

    python security_validation.py --endpoint https://192.168.1.10:3500 --ca ca.pem --enrolment enrol.json 192.168.1.100

Ends with 1 where something would be refused. A card of your own is given as a file: `--card card.json`.
"""

import argparse
import json
from pathlib import Path

from ferrule_client import Enrolment, FerruleClient, FerruleError


def main() -> int:
    """Validate an address and a card."""
    options = argparse.ArgumentParser(description="Validate an address and an agent card.")
    options.add_argument("address", nargs="?", default="192.168.1.100", help="where the agent will live")
    options.add_argument("--endpoint", required=True, help="the gateway: https://192.168.1.10:3500")
    options.add_argument("--ca", required=True, help="its ca.pem")
    options.add_argument("--enrolment", required=True, help="what ferrule agents enrol printed")
    options.add_argument("--token-file", help="where the token is kept (default: the enrolment's name with .token)")
    options.add_argument("--card", type=Path, help="a card to validate (default: that of this example)")
    given = options.parse_args()

    enrolment = Enrolment.load(given.enrolment)
    own = {
        "agentId": enrolment.agent_id,
        "name": "Validator",
        "description": "",
        "version": "1.0.0",
        "capabilities": [],
        "endpoints": [],
    }
    kept = given.token_file or f"{given.enrolment}.token"
    with FerruleClient(given.endpoint, own, ca=given.ca, enrolment=enrolment, token_file=kept) as client:
        client.register()
        validation = client.validate_address(given.address)
        print(f"{validation.address}: {'valid' if validation.valid else 'invalid'} ({validation.type})")
        print(f"  {validation.message}")

        card = json.loads(given.card.read_bytes()) if given.card else own
        checked = client.validate_agent_card(card)
        signature = {True: "valid", False: "invalid", None: "none sent"}[checked.signature_valid]
        print(f"card of {card.get('agentId')}: {'valid' if checked.valid else 'invalid'} (signature: {signature})")
        for issue in checked.issues:
            print(f"  {issue.severity} {issue.field}: {issue.message}")
    return 0 if validation.valid and checked.valid else 1


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except FerruleError as error:
        raise SystemExit(f"Validation failed: {error}") from None
