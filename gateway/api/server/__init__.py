"""The TLS server under the API: sockets, certificates, connections."""
