"""The seam to models: `base` is the protocol, each other module one backend; vendors are imported when used."""
