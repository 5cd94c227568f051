"""The benchmark: compares the pipeline with a minimal program on the same objects.

``make bench`` prints ratios.

Belongs here: measurements. Doesn't belong here: assertions about times; no test has them.
"""
