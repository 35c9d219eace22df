"""The spool: events on disk while the broker is away, handed on in order when it is back.

``record`` and ``segment`` are the form of the files and pure; ``folder`` reads and writes them,
blocking; ``spool`` calls it from a thread of its own and lets requests share a flush; ``publisher``
decides what goes to the broker and what to the spool. Why files of our own:
docs/decisions/0015-spool.md.
"""
