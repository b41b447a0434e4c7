"""The holder's side: a reference phone, and pictures of its screen."""
