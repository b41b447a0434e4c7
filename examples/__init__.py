"""The demonstration: its story, the economies on its stage, and a simulated camera."""
