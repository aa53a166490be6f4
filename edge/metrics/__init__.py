"""What Prometheus may ask of a rig or a server: an endpoint, and the families it answers with."""
