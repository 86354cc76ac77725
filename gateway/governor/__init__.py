"""Five levels of control loops over the field: they see glances, decide in a fixed order, and act through one door."""
