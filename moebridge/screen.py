"""What is shown on standard output: tables for people, plain text where nobody watches."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

#: Columns where the output is no terminal, so that tables in a log keep their shape.
PLAIN_WIDTH = 120


def console() -> Console:
    """Standard output; colours and widths are those of the terminal, where there is one."""
    screen = Console(highlight=False)
    return screen if screen.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


def table(*columns: str) -> Table:
    """An empty table of these columns; what is too long for its column goes on below, whole."""
    made = Table(show_edge=False, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made
