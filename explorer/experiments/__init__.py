"""How each experiment is presented, a module each, and what several presentations use."""
