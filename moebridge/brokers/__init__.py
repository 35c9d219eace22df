"""Brokers that moebridge starts itself: the embedded one, and Apache Kafka without a container engine.

Whoever has a broker names it in ``kafka.bootstrap_servers``, and nothing here is started.
"""
