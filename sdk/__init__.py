"""Makes the SDKs that the gateway gives out: ``make sdk``. Nothing of the gateway imports this."""
