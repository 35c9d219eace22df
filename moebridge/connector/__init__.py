"""What to set up in Intercom, method by method: made here without any I/O, printed by the command."""
