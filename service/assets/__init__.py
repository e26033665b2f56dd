"""Rubrics and prompts: files -> domain objects."""
