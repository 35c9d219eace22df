"""Checks of the whole chain, from the settings to MoEngage.

What an answer means is pure (``*_verdict``); asking is thin (``*_probe``); ``chain`` says which checks
there are, and ``schedule`` runs them.
"""
