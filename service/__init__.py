"""The interview grader: grades interview answers against a rubric, with feedback that quotes the candidate's words."""

__version__ = "0.1.0"
