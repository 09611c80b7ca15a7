"""The experiments: each adds one group to a store, from the store alone or with its network and images."""
