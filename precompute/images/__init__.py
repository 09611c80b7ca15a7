"""Labelled images: folders, lists, classes, decoding."""
