"""A stage of a request that was admitted: what to start, and the files that it holds open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tercet.executor.environment import DIRECTORY, environment
from tercet.executor.media import InputFile, OutputFile
from tercet.executor.spawn import Launch


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program with its argv. Owns the files; `close` it.

    Attributes:
        program: Its name in the catalogue.
        channels: Further descriptors that the program inherits; the caller's.
    """

    program: str
    argv: tuple[bytes, ...]
    inputs: tuple[InputFile, ...] = ()
    outputs: tuple[OutputFile, ...] = ()
    channels: Sequence[int] = ()

    def launch(self, *, stdin: int, stdout: int, stderr: int) -> Launch:
        return Launch(
            argv=self.argv,
            environment=environment(),
            directory=DIRECTORY,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=(
                *(file.fd for file in self.inputs),
                *(file.fd for file in self.outputs),
                *self.channels,
            ),
        )

    def commit(self) -> None:
        """Puts the outputs in their places.

        Raises:
            FailedPrecondition: One cannot be put there.
        """
        for file in self.outputs:
            file.commit()

    def close(self) -> None:
        """Closes the files; outputs that were not committed vanish."""
        for reading in self.inputs:
            reading.close()
        for writing in self.outputs:
            writing.close()
