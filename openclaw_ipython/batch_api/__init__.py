"""The batch interfaces of services: many requests at a lower price, answered within a day.

`services` is the table of what each service offers, `wire` the requests and answers, `steps` their order as generators
(pure), `sender` carries the steps out, `records` keeps the batches that are under way in the journal.
"""
