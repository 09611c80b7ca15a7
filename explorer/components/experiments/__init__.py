"""The Experiments page: how each experiment is presented, one module an experiment, and the page around them."""
