"""Tables and everything that writes them."""
