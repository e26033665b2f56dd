"""A batch written out for people and programs: CSV, XLSX, JSONL."""
