"""A server that answers as Intercom's documentation says, knows whom it was told of, fails on demand.

For tests, demonstrations and load runs. ``app`` says which path leads where, ``calls`` answers as
Intercom, ``search`` reads its queries, ``documents`` its shapes, ``rates`` its limit, ``store`` whom it
knows, ``faults`` what goes wrong on demand, ``control`` how one seeds it and looks in.
"""
