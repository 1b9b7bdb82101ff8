"""Puts a server together and runs it. Never imports plugins: entry points introduce them."""
