"""Questions to the tables; nothing here writes."""
