"""The stages: pure functions over a chunk, each wrapped by one Faust agent (streams.runner)."""
