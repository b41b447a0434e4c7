"""Decide, offline, whether a scanned ABTC card is good."""
