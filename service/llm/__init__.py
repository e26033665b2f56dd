"""The seam to models. `base` is the protocol; every other module is one backend, its vendor imported when it is used."""
