"""The default grader: matches an answer's sentences to the rubric with static word vectors; no language model."""

from service.llm.embedded.backend import EmbeddedBackend

__all__ = ["EmbeddedBackend"]
