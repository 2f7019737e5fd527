"""A question on its way: the model resolved, the request sent, fallbacks tried, the outcome recorded."""
