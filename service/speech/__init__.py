"""The seam to speech-to-text."""
