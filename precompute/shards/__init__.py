"""The side files of a run: what each shard found, until it is merged into the store."""
