"""The scanners, displays and scales of a machine: a thread for each, and the service its programs ask."""
