"""The jobs read, rekey and table, as each contender does them; each runs in a process of its own."""
