"""The Faust app: topics, tables, stages, delivery."""
