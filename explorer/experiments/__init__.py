"""The presentations of the experiments, a module each, and what several of them use."""
