"""What one page alone uses, a package for each page."""
