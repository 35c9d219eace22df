"""MoEngage's Data API as delivery needs it, and a sandbox server that behaves as documented.

``bodies`` renders, ``client`` calls over a ``transport``, ``answers`` says what an answer means. What is
known of a workspace is in ``workspace``, with ``budgets`` and ``brake``; ``fair_use`` is of a customer.
"""
