"""The `[executor]` section of the configuration."""

from __future__ import annotations

import msgspec

# A whole answer of Run must fit gRPC's default limit of 4 MiB: this output, plus 64 KiB of error
# output for each of MAX_STAGES, plus room for the rest.
LARGEST_OUTPUT = (5 << 20) // 2
MAX_STAGES = 16
STDERR_TAIL = 64 << 10


class ExecutorConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of the executor.

    Raises:
        ValueError: A value is out of its range.
    """

    # Path of a TOML file whose programs are added to the built-in ones and replace those of the
    # same name; empty: the built-in ones only.
    catalogue: str = ""
    # Directory beneath which the file arguments of programs are found; empty: no file arguments.
    media_root: str = ""
    # Most programs running at once, over all calls.
    max_programs: int = 64
    # Most bytes of output that Run collects.
    max_output_bytes: int = 1 << 20
    # Seconds between SIGTERM and SIGKILL.
    grace_seconds: float = 2.0
    # Seconds that the output of an ended program may stay open before those that hold it are
    # killed.
    settle_seconds: float = 0.25
    # Whether the gateway routes this service on an address that is not loopback. Read there.
    expose: bool = False

    def __post_init__(self) -> None:
        if self.max_programs < 1:
            raise ValueError(f"max_programs is {self.max_programs}, but must be at least 1")
        if not 1 <= self.max_output_bytes <= LARGEST_OUTPUT:
            raise ValueError(
                f"max_output_bytes is {self.max_output_bytes}, but must be between 1 and "
                f"{LARGEST_OUTPUT}: an answer must fit a message of 4 MiB; Spawn has no such limit"
            )
        for name in ("grace_seconds", "settle_seconds"):
            value: float = getattr(self, name)
            if not 0 <= value <= 3600:
                raise ValueError(f"{name} is {value}, but must be between 0 and 3600")
