"""The pictures of the embedded example: a sheet, parts to put on it, and scenes made of them."""
