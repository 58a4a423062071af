"""Tests mirror the rooms; servers/ has the real servers that some of them need."""
