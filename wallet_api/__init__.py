"""The holder's side: a reference phone, and pictures of screens and cards."""
