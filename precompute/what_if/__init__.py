"""What if: units of a layer changed together, and what the network then says of the store's images or of one image."""
