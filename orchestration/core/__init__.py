"""What everything else stands on: settings, errors, the calendar, the catalogue, versions.

Belongs here: modules that import nothing of the project but each other. Doesn't belong here:
anything that opens a store, a lake or a file of a submission.
"""
