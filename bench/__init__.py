"""Figures for the specification and its reader, beside what one would pick instead."""
