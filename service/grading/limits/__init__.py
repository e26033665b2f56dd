"""How many calls a backend gets, at once and a second: slots, the provider's own limit as learned, and ceilings."""
