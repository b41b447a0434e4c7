"""An economy's back office and signing."""
