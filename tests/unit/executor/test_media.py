from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tercet.errors import (
    ConfigError,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    TercetError,
)
from tercet.executor.media import MediaRoot

AT = "stages[0].arguments.file"


@pytest.fixture
def root(media: Path) -> MediaRoot:
    """Everything that a path may meet."""
    (media / "plain.txt").write_text("plain")
    (media / "clips").mkdir()
    (media / "clips" / "a.txt").write_text("deep")
    (media.parent / "secret.txt").write_text("secret")
    (media / "to_file").symlink_to("plain.txt")
    (media / "to_secret").symlink_to("../secret.txt")
    (media / "to_clips").symlink_to("clips")
    (media / "to_parent").symlink_to("..")
    (media / "dangling").symlink_to("nowhere")
    os.mkfifo(media / "fifo")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(media / "socket"))
    return MediaRoot(str(media))


def read(root: MediaRoot, path: str) -> bytes:
    file = root.open_input(path, AT)
    try:
        return os.read(file.fd, 100)
    finally:
        file.close()


@pytest.mark.parametrize(("path", "content"), [("plain.txt", b"plain"), ("clips/a.txt", b"deep")])
def test_a_file_beneath_the_root_is_opened(root: MediaRoot, path: str, content: bytes) -> None:
    assert read(root, path) == content


REFUSED = [
    ("", InvalidArgument),
    (".", InvalidArgument),
    ("..", InvalidArgument),
    ("../secret.txt", InvalidArgument),
    ("clips/../plain.txt", InvalidArgument),
    ("./plain.txt", InvalidArgument),
    ("clips//a.txt", InvalidArgument),
    ("clips/", InvalidArgument),
    ("/etc/passwd", InvalidArgument),
    ("plain.txt\0", InvalidArgument),
    ("plain.txt/x", InvalidArgument),
    ("to_file", InvalidArgument),
    ("to_secret", InvalidArgument),
    ("to_clips/a.txt", InvalidArgument),
    ("to_parent/secret.txt", InvalidArgument),
    ("dangling", InvalidArgument),
    ("clips", InvalidArgument),
    ("fifo", InvalidArgument),
    ("socket", InvalidArgument),
    ("x" * 256, InvalidArgument),
    ("missing/a.txt", NotFound),
]


@pytest.mark.parametrize(("path", "error"), [*REFUSED, ("missing.txt", NotFound)])
def test_an_input_that_is_no_file_beneath_the_root_is_refused(
    root: MediaRoot, path: str, error: type[TercetError]
) -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(error) as refused:
        root.open_input(path, AT)
    assert refused.value.field == AT
    assert len(os.listdir("/proc/self/fd")) == len(before)


@pytest.mark.parametrize(("path", "error"), REFUSED)
def test_an_output_that_would_be_no_file_beneath_the_root_is_refused(
    root: MediaRoot, media: Path, path: str, error: type[TercetError]
) -> None:
    before = os.listdir("/proc/self/fd")
    files = sorted(media.rglob("*"))
    with pytest.raises(error) as refused:
        root.create_output(path, AT)
    assert refused.value.field == AT
    assert len(os.listdir("/proc/self/fd")) == len(before)
    assert sorted(media.rglob("*")) == files


@pytest.mark.parametrize("path", ["clips/no/deeper/a.txt", "clips/no/a.txt"])
def test_a_missing_directory_is_told_from_a_missing_file(root: MediaRoot, path: str) -> None:
    for open_ in (root.open_input, root.create_output):
        with pytest.raises(NotFound, match="there is no directory 'clips/no' beneath"):
            open_(path, AT)
    with pytest.raises(NotFound, match="there is no file 'clips/no' beneath"):
        root.open_input("clips/no", AT)


def test_an_output_appears_when_it_is_committed(root: MediaRoot, media: Path) -> None:
    file = root.create_output("clips/new.txt", AT)
    os.write(file.fd, b"new")
    assert not (media / "clips" / "new.txt").exists()
    file.commit()
    file.close()
    assert (media / "clips" / "new.txt").read_text() == "new"
    assert sorted(os.listdir(media / "clips")) == ["a.txt", "new.txt"]


def test_an_output_that_is_not_committed_leaves_what_was_there(
    root: MediaRoot, media: Path
) -> None:
    file = root.create_output("plain.txt", AT)
    os.write(file.fd, b"half")
    file.close()
    assert (media / "plain.txt").read_text() == "plain"
    assert not list(media.glob(".tercet-*"))


def test_an_output_replaces_a_name_and_not_the_other_links_of_its_file(
    root: MediaRoot, media: Path
) -> None:
    outside = media.parent / "outside.txt"
    outside.hardlink_to(media / "plain.txt")
    file = root.create_output("plain.txt", AT)
    os.write(file.fd, b"new")
    file.commit()
    file.close()
    assert (media / "plain.txt").read_text() == "new"
    assert outside.read_text() == "plain"


def test_a_symbolic_link_put_there_meanwhile_is_replaced_and_not_followed(
    root: MediaRoot, media: Path
) -> None:
    file = root.create_output("late.txt", AT)
    os.write(file.fd, b"new")
    (media / "late.txt").symlink_to("../secret.txt")
    file.commit()
    file.close()
    assert (media / "late.txt").read_text() == "new"
    assert not (media / "late.txt").is_symlink()
    assert (media.parent / "secret.txt").read_text() == "secret"


def test_a_directory_put_there_meanwhile_is_an_error(root: MediaRoot, media: Path) -> None:
    file = root.create_output("late", AT)
    (media / "late").mkdir()
    with pytest.raises(FailedPrecondition, match="late"):
        file.commit()
    file.close()
    assert not list(media.glob(".tercet-*"))


def test_the_root_is_the_directory_that_was_opened_at_start(root: MediaRoot, media: Path) -> None:
    media.rename(media.with_name("moved"))
    media.mkdir()
    (media / "plain.txt").write_text("another")
    assert read(root, "plain.txt") == b"plain"


def test_a_root_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in ("file", "missing"):
        with pytest.raises(ConfigError, match="media root"):
            MediaRoot(str(tmp_path / path))
