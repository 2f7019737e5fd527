"""What a person adds to a question: values, files, earlier cells and images of a notebook.

Pure except for reading the named files and for Pillow. The contents of the notebook are passed in.
"""
