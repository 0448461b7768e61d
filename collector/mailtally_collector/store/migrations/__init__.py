"""Migrations: scripts in the order of their numbers, applied once each, never edited."""
