"""Runs instances of plugins: separate processes in a sandbox, spoken to in JSON-RPC 2.0 over their standard streams."""
