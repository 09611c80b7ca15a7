"""The parts of the pages that one page alone uses, a package for each page."""
