"""How the shape of the database came to be, step by step (Alembic)."""
