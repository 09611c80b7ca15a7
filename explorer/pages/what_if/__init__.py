"""The page What if: the network's answers if units are changed."""
