"""Looks at a host and a sweep before anything is started; one file a group of checks."""
