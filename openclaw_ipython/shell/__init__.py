"""What IPython and people see: magics, views, renderers, the sign-in panel, and the bridge to the network's loop."""
