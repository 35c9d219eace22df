"""``python -m moebridge``."""

from moebridge.cli import main

main()
