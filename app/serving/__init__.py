"""The server around the application: the listening socket, the worker processes, and how all of them stop."""
