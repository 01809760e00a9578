"""What a gateway counts, as Prometheus reads it. Nothing here is on a call's path."""
