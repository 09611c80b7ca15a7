"""Parts that only one page uses, in a package for each page."""
