"""Plugins talk to each other: messages, questions with answers, and subscriptions to events."""
