"""Workers: processes of this machine or on the nodes of a Ray cluster that compute the pieces of some work."""
