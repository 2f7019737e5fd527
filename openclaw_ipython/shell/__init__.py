"""What IPython and people see: magics, views, renderers, the sign-in panel, and the thread of the network."""
