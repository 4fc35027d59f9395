"""What tests of tickets share: tickets that are due, and a mail server that takes them."""
