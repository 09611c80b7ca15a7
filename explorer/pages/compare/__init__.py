"""The page that sets stores beside each other."""
