"""The page of an image: what the network says of it, and what its units do there."""
