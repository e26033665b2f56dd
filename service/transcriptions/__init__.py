"""Recordings that wait, are listened to in turn, and are gone afterwards."""
