"""The store: facts, last values, history and the write budget, on stdlib SQLite with one writer (docs/storage.md)."""

from gateway.storage.settings import Announce, Boot, StoreSettings, Tier
from gateway.storage.storage import Storage, open_storage
from gateway.storage.trouble import NewerSchema, StoreTrouble, Trouble

__all__ = [
    "Announce",
    "Boot",
    "NewerSchema",
    "Storage",
    "StoreSettings",
    "StoreTrouble",
    "Tier",
    "Trouble",
    "open_storage",
]
