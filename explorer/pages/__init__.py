"""The pages, a package each: a thin script `page.py`, and the parts that no other page has."""
