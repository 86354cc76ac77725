"""The gateway as a service of a system: units, rules, and what makes packages of them."""
