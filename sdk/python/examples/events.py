"""Publishes an event, and follows events until it comes by; async. FERRULE_URL, FERRULE_CA, FERRULE_TOKEN."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator

from ferrule_sdk import AuthenticatedClient
from ferrule_sdk.api.event import event_list, event_publish
from ferrule_sdk.models import (
    EventBody,
    EventBodyPayload,
    EventListAnswer,
    EventPublishAnswer,
    EventPublishRequest,
    EventRow,
)


async def follow(client: AuthenticatedClient, after: int) -> AsyncIterator[EventRow]:
    """Every event behind a number, those that are yet to come too."""
    while True:
        answer = await event_list.asyncio(client=client, after=after, limit=100)
        if not isinstance(answer, EventListAnswer):
            raise SystemExit(f"refused: {answer}")
        for event in answer.data:
            after = event.seq
            yield event
        if not answer.data:
            await asyncio.sleep(1)


async def main() -> None:
    """Say something, and hear it."""
    trust = ssl.create_default_context(cafile=os.environ["FERRULE_CA"])
    async with AuthenticatedClient(
        base_url=os.environ["FERRULE_URL"], token=os.environ["FERRULE_TOKEN"], verify_ssl=trust
    ) as client:
        greeting = EventBody(event_type="user:greeting", payload=EventBodyPayload.from_dict({"words": "hello"}))
        accepted = await event_publish.asyncio(client=client, body=EventPublishRequest(data=greeting))
        if not isinstance(accepted, EventPublishAnswer):
            raise SystemExit(f"refused: {accepted}")
        async for event in follow(client, accepted.data.seq - 1):
            print(event.type_, event.data.to_dict())
            if event.id == accepted.data.event_id:
                break


asyncio.run(main())
