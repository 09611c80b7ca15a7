"""Small pieces of the page that several views use."""
