"""The page of an image: the network's answer, and what units do on the image."""
