"""The benchmark: the pipeline beside a hand-written floor, on the same objects, in one run.

``make bench`` prints ratios. Belongs here: measuring. No test asserts a time.
"""
