"""Intercom's REST API as enrichment needs it, and a sandbox server that behaves as documented.

``client`` asks over a ``transport``, at the pace that ``pace`` allows; ``answers`` says what an answer
means, ``outage`` when to leave Intercom alone; ``enrichment`` answers for many contacts at once.
"""
