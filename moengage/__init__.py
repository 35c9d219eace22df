"""MoEngage's Data API as delivery needs it, and a sandbox server that behaves as documented.

From bytes to outcome: ``bodies`` renders, ``batching`` gathers, ``client`` calls over a ``transport``,
``answers`` says what an answer means, ``delivery`` does what it asks for.
"""
