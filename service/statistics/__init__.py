"""Statistics on arrays of levels: pure functions; chance only through a seed. Read `moments`, then `bootstrap`."""
