"""The technician's tools: scan, monitor, decode, doctor, simulate; on lines and drivers."""
