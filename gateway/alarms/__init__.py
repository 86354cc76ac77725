"""Standing alarms on tags: conditions from the configuration, raised, acknowledged and cleared."""
