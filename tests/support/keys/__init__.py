"""What tests of keys share: issued keys, limiters, and the forms in which people paste a key."""
