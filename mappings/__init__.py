"""Intercom to MoEngage: rules as YAML files, and the engine that compiles and runs them.

``rules.load`` reads a folder of rule files once; ``rules.map_moment`` is pure from then on: the same
moment and the same rules give the same elements.
"""
