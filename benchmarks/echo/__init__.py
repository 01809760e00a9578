"""The benchmark's own service: a contract, and the async servicer of the peers that share it."""
