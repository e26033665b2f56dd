"""A team's own rated answers, as a table, become an eval set: read `importer.py` first."""
