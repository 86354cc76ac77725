"""Webhooks: who wants which events, where they may be sent, and how they are delivered for certain."""
