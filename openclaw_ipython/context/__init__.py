"""What of a notebook goes into a prompt: values, files, cells and pictures that the person named, and nothing else.

Pure but for two things: reading the files that were named, and Pillow. What a notebook holds is passed in.
"""
