"""The `[executor]` section of the configuration."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

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

    catalogue: Annotated[
        str,
        Meta(
            description="TOML file of further programs, which replace built-in ones of the same"
            ' name; "" for none'
        ),
    ] = ""
    media_root: Annotated[
        str, Meta(description='directory beneath which programs\' files are; "" for no files')
    ] = ""
    max_programs: Annotated[int, Meta(description="programs that run at once, over all calls")] = 64
    max_output_bytes: Annotated[int, Meta(description="bytes of output that Run collects")] = (
        1 << 20
    )
    grace_seconds: Annotated[
        float, Meta(description="seconds between TERM and KILL of a program")
    ] = 2.0
    settle_seconds: Annotated[
        float,
        Meta(
            description="seconds for which an ended program's output may stay open before those"
            " that hold it are killed"
        ),
    ] = 0.25
    # Read there.
    expose: Annotated[
        bool, Meta(description="whether a gateway that is not on loopback routes it")
    ] = False

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
