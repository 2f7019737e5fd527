"""JSON5 with the position of every value: read, edited and written."""
