"""Reads Office Open XML workbooks (ECMA-376): the cells as a person who opens the file sees them.

Belongs here: packages and their parts, sheets, shared strings, styles and number formats. Parts
that hold no values (themes, views, properties) are never opened, and nothing in drawings and
comments stops the reading. Doesn't belong here: which sheets are read and what their rows mean
(``xlsx``, ``tables``).
"""
