"""What may be shown: text of models, servers and people turned into forms that cannot act or leak.

Pure functions only. Nothing here knows Jupyter, HTTP or OpenClaw.
"""
