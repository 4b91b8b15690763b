"""What can be had: accelerators, the machines that carry them, images, GPU software, and what they cost.

Data and pure look-ups; nothing here asks a cloud. Figures are dated where they stand.
"""
