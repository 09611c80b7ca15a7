"""The parts of the page that asks what the network would say if units were changed."""
