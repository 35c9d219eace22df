"""A server that answers as MoEngage's documentation says, keeps what it took, and fails on demand.

For tests, demonstrations and load runs. ``app`` says which path leads where, ``calls`` answers as
MoEngage, ``validation`` and ``attributes`` are its rules, ``rates`` its limit, ``store`` what was taken,
``faults`` what goes wrong on demand, ``control`` how one looks in.
"""
