"""The commands, one file each: thin, from options to a call."""
