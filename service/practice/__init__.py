"""Practising: which questions, what the feedback page shows, how a learner gets better."""
