"""The fleet: roles, inventories, units, templates. Nothing here needs a service manager."""
