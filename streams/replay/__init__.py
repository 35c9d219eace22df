"""Replay: events that were recorded go through moebridge again.

| module | what it does |
|---|---|
| ``request`` | what a replay was asked for; as JSON, for whoever goes on with it |
| ``chosen`` | what is replayed, record by record, and who chooses it |
| ``plan`` | what a replay comes to, in numbers |
| ``receipts`` | what MoEngage said of deliveries, the newest word of each |
"""
