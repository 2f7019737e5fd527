"""A sign-in as text and as a panel."""
