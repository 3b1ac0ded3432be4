"""Runs the lab from outside: installs, starts, watches and stops its services.

Only the standard library. What is loaded into the services is in `lab_plugins`.
"""
