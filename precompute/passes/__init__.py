"""Passes over the images of a run, shard by shard.

A shard's result depends on no other shard. Whatever a shard finds goes to its side files at once, so an interrupted
run goes on where it was, and memory does not grow with the number of images.
"""
