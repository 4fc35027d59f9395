"""The checks of `keydesk doctor`."""
