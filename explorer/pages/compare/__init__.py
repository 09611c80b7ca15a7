"""The Compare page, which shows stores and layers beside each other."""
