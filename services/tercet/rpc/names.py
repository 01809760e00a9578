"""The names of the engines, for those who check a configuration and must not load grpc."""

ENGINE_NAMES = ("grpcio", "native")
