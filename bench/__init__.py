"""Benchmarks: moebridge beside plain Faust and Quix Streams, on Apache Kafka, in one run.

``python -m bench`` (``make bench``). What is measured and how: docs/benchmarks.md.
"""
