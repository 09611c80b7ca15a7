"""How the embedded example's pictures are drawn: a sheet, parts to put on it, and scenes made of them."""
