"""What travels on the topics: envelope, keys, codec, rows, and the catalogue of topics.

Everything else imports from here; this package imports nothing of ours.
"""
