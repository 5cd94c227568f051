"""The base of all other packages: settings, errors, the calendar, the catalogue, versions.

Belongs here: modules that import nothing of the project but each other. Doesn't belong here:
anything that opens a store, the lakehouse or a submitted file.
"""
