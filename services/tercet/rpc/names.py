"""The names of the engines, for those who check a configuration and must not load grpc."""

ENGINE_NAMES = ("grpcio", "native")
# It is the faster one; `grpcio` is the way back.
DEFAULT_ENGINE = "native"
