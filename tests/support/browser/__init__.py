"""What tests in a browser share: the browser itself, the demo that it shows, and the network between them."""
