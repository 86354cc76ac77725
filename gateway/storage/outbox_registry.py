"""Registrations of webhooks a second time, among the facts: a damaged file of events takes none of them along."""

from __future__ import annotations

from gateway.core.eventlog import KeptWebhook
from gateway.core.ports import FactStore, Json

_KIND = "webhook"


class Registry:
    """The copy of all webhooks outside of the file of events.

    Args:
        facts: where the copy is; they have a file and a daily backup of their own.
    """

    def __init__(self, facts: FactStore) -> None:
        self._facts = facts

    def keep(self, webhook: KeptWebhook) -> None:
        """Remember a webhook, new or changed."""
        value: dict[str, Json] = {"document": webhook.document, "cursor": webhook.cursor}
        self._facts.remember(_KIND, webhook.id, value, urgent=True)

    def forget(self, webhook: str) -> None:
        """Forget a webhook."""
        self._facts.remember(_KIND, webhook, None, urgent=True)

    def follow(self, webhooks: list[KeptWebhook]) -> None:
        """Make the copy equal to the file, which is right where they differ: a crash came between the two."""
        copied = {webhook.id: webhook.document for webhook in self.copies()}
        for webhook in webhooks:
            if copied.pop(webhook.id, None) != webhook.document:
                self.keep(webhook)
        for webhook_id in copied:
            self.forget(webhook_id)

    def copies(self) -> list[KeptWebhook]:
        """All webhooks as they were remembered last; their cursors may have gone on since."""
        found = []
        for webhook_id, value in self._facts.recall(_KIND).items():
            if isinstance(value, dict):
                document, cursor = value.get("document"), value.get("cursor")
                if isinstance(document, dict) and isinstance(cursor, int):
                    found.append(KeptWebhook(webhook_id, document, cursor))
        return found
