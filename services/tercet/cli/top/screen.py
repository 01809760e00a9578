"""The screen of `tercet top`: a table, the last events, and keys."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Static

from tercet.cli.top.feed import Feed
from tercet.cli.top.snapshot import COLUMNS, RIGHT, Key, Snapshot, cells, event_line
from tercet.cluster.v1 import cluster_pb2
from tercet.errors import TercetError, Unavailable

# Lines of events that are kept to be shown.
LINES = 200
STYLES = {"ready": "green", "starting": "cyan", "draining": "yellow", "gone": "red"}


class Question(ModalScreen[bool]):
    """Asks something that `y` agrees to and anything else does not."""

    DEFAULT_CSS = """
    Question { align: center middle; }
    Question Static { width: auto; padding: 1 3; border: round $warning; background: $surface; }
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        self._answered = False

    def compose(self) -> ComposeResult:
        yield Static(Text(f"{self._text}  [y/n]"), id="question")

    def on_key(self, event: Any) -> None:
        event.stop()
        # The first key answers; those that were typed behind it are for nobody.
        if not self._answered:
            self._answered = True
            self.dismiss(event.key == "y")


class Top(App[None]):
    """Shows a mesh until `q`.

    Args:
        runtime: The directory of the mesh.
        interval: Seconds from one moment to the next.
    """

    ENABLE_COMMAND_PALETTE = False
    TITLE = "tercet top"
    CSS = """
    #title { height: auto; padding: 0 1; text-style: bold; }
    #lost { height: auto; padding: 0 1; color: $error; display: none; }
    #lost.shown { display: block; }
    #workers { height: 2fr; }
    #events { height: 1fr; padding: 0 1; border-top: solid $primary; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "reload", "Reload"),
        Binding("plus", "scale(1)", "One more", key_display="+"),
        Binding("minus", "scale(-1)", "One less", key_display="-"),
        Binding("c", "recycle", "Recycle"),
        Binding("k", "kill", "Kill"),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(self, runtime: Path, *, interval: float) -> None:
        super().__init__()
        self._feed = Feed(
            runtime,
            interval=interval,
            changed=self.changed,
            happened=self.happened,
            lost=self.lost,
        )
        self._snapshot: Snapshot | None = None
        self._keys: list[Key] = []
        self._lines: deque[str] = deque(maxlen=LINES)
        # What a service is being scaled to: the next key counts from there.
        self._wanted: dict[str, int] = {}

    def compose(self) -> ComposeResult:
        yield Static("", id="title", markup=False)
        yield Static("", id="lost", markup=False)
        with Vertical():
            yield DataTable[Text](id="workers", cursor_type="row", zebra_stripes=False)
            yield Static("", id="events", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        for column in COLUMNS:
            self.table.add_column(_aligned(column, column), key=column)
        self.table.focus()
        self.run_worker(self._feed.run(), group="feed")

    @property
    def table(self) -> DataTable[Text]:
        return self.query_one("#workers", DataTable)

    def changed(self, snapshot: Snapshot) -> None:
        """Shows another moment; the selected row stays selected."""
        if not self.shown:
            return
        self._snapshot = snapshot
        self.query_one("#lost").remove_class("shown")
        self.query_one("#title", Static).update(snapshot.title())
        rows = [(key, cells(worker, usage)) for key, worker, usage in snapshot.rows()]
        table = self.table
        if [key for key, _ in rows] == self._keys:
            for key, row in rows:
                for column, cell in zip(COLUMNS, row, strict=True):
                    text = _aligned(column, cell)
                    table.update_cell(_id(key), column, text, update_width=True)
            return
        selected, place = self.selected, table.cursor_row
        table.clear()
        for key, row in rows:
            texts = (_aligned(column, cell) for column, cell in zip(COLUMNS, row, strict=True))
            table.add_row(*texts, key=_id(key))
        self._keys = [key for key, _ in rows]
        table.move_cursor(row=_nearest(self._keys, selected, place))

    def happened(self, events: Sequence[cluster_pb2.Event]) -> None:
        """Shows events, the newest first."""
        if not self.shown:
            return
        self._lines.extendleft(event_line(event) for event in events)
        self.query_one("#events", Static).update("\n".join(self._lines))

    def lost(self, reason: str) -> None:
        """Says that what is shown is old."""
        if not self.shown:
            return
        line = self.query_one("#lost", Static)
        line.update(f"the control process does not answer; waiting for it ({reason})")
        line.add_class("shown")

    @property
    def shown(self) -> bool:
        """Whether there is a screen: while it is taken down, something may still come."""
        return bool(self.query("#events"))

    @property
    def selected(self) -> Key | None:
        row = self.table.cursor_row
        return self._keys[row] if 0 <= row < len(self._keys) else None

    def action_reload(self) -> None:
        self._do("Reload", cluster_pb2.ReloadRequest(), "reload")

    def action_scale(self, more: int) -> None:
        key = self.selected
        now = self._snapshot.wanted(key.service) if self._snapshot and key else None
        if key is None or now is None:
            self.notify("this cannot be scaled", severity="warning")
            return
        service = key.service
        wanted = self._wanted.get(service, now) + more
        if wanted < 1:
            self.notify(f"{service} has one worker; it cannot have none", severity="warning")
            return
        self._wanted[service] = wanted
        request = cluster_pb2.ScaleRequest(service=service, workers=wanted)
        self._do("Scale", request, f"scale {service} to {wanted}", service=service)

    def action_recycle(self) -> None:
        if key := self.selected:
            request = cluster_pb2.RecycleRequest(service=key.service, slot=key.slot)
            self._do("Recycle", request, f"recycle {key}")

    def action_kill(self) -> None:
        if key := self.selected:
            question = Question(f"Kill {key}, with the calls that it has?")
            self.push_screen(question, partial(self._kill, key))

    def _kill(self, key: Key, agreed: bool | None) -> None:
        if agreed:
            request = cluster_pb2.KillRequest(
                service=key.service, slot=key.slot, generation=key.generation
            )
            self._do("Kill", request, f"kill {key}")

    def _do(self, verb: str, request: Any, what: str, *, service: str = "") -> None:
        self.run_worker(self._told(verb, request, what, service), group="told")

    async def _told(self, verb: str, request: Any, what: str, service: str) -> None:
        self.notify(f"{what} …", timeout=2)
        try:
            await self._feed.tell(verb, request)
        except Unavailable:
            # A reload replaces the control process too.
            self.notify(f"{what}: see below how it ends", severity="warning", markup=False)
        except TercetError as error:
            self.notify(str(error), title=f"{what} failed", severity="error", markup=False)
        else:
            self.notify(f"{what}: done", markup=False)
        finally:
            if service and self._wanted.get(service) == request.workers:
                del self._wanted[service]


def _id(key: Key) -> str:
    return f"{key.service}.{key.slot}.{key.generation}"


def _aligned(column: str, cell: str) -> Text:
    style = STYLES.get(cell, "red" if cell.startswith("retry") else "")
    if column != "STATE":
        style = ""
    return Text(cell, style=style, justify="right" if column in RIGHT else "left", no_wrap=True)


def _nearest(keys: Sequence[Key], selected: Key | None, place: int) -> int:
    """The row of the same worker, of its successor, or else the same row."""
    if selected in keys:
        return keys.index(selected)
    for row, key in enumerate(keys):
        if selected and key[:2] == selected[:2]:
            return row
    return max(0, min(place, len(keys) - 1))
