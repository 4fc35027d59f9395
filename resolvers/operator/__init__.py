"""The operations of the command line. The operator may do everything, so they check no roles."""
