"""The command line, the settings, and how the processes are put together.

``cli`` finds the command, ``commands`` are thin, ``settings`` says what can be set, ``wiring`` hands it
on.
"""
