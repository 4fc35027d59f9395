"""The console, the documentation and other pages."""
