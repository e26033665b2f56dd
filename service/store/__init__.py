"""The only SQL of the project: SQLite or PostgreSQL behind one URL, the same statements on both."""
