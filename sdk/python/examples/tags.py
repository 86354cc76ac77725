"""Reads every tag by the agent API, which is JSON-RPC. FERRULE_URL, FERRULE_CA, FERRULE_TOKEN (devices:read)."""

import os
import ssl

from ferrule_sdk import AuthenticatedClient
from ferrule_sdk.api.tag import tag_list, tag_read
from ferrule_sdk.models import ParamsTagRead, TagListAnswer, TagListRequest, TagReadAnswer, TagReadRequest


def main() -> None:
    """Ask which tags there are, and what they say."""
    trust = ssl.create_default_context(cafile=os.environ["FERRULE_CA"])
    with AuthenticatedClient(
        base_url=os.environ["FERRULE_URL"], token=os.environ["FERRULE_TOKEN"], verify_ssl=trust
    ) as client:
        listed = tag_list.sync(client=client, body=TagListRequest(jsonrpc="2.0", method="tag.list", id=1))
        if not isinstance(listed, TagListAnswer) or not listed.result:
            raise SystemExit(f"refused: {listed}")
        params = ParamsTagRead(tags=[row.tag for row in listed.result.tags])
        read = tag_read.sync(client=client, body=TagReadRequest(jsonrpc="2.0", method="tag.read", params=params, id=2))
        if not isinstance(read, TagReadAnswer) or not read.result:
            raise SystemExit(f"refused: {read}")
        for reading in read.result.readings:
            print(reading.tag, reading.value, reading.quality)
        params = ParamsTagRead(tags=["no/such/tag"])
        read = tag_read.sync(client=client, body=TagReadRequest(jsonrpc="2.0", method="tag.read", params=params, id=3))
        if isinstance(read, TagReadAnswer) and read.error:
            print(read.error.code, read.error.message)


main()
