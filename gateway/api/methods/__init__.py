"""The JSON-RPC methods, one file a namespace. Each gives its part of the one explicit table."""
