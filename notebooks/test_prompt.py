"""The prompt labels at least nine of ten reviews as people do. The answers are in the file: no key, no network."""

import csv
from pathlib import Path
from typing import Literal

import openclaw_ipython as oc

HERE = Path(__file__).parent
PROMPT = "Good or bad?\n{text}"
MODEL = "vllm/longer-word-list"


def test_the_prompt_labels_reviews():
    with (HERE / "data" / "reviews.csv").open(encoding="utf-8") as file:
        reviews = list(csv.DictReader(file))
    result = oc.compare(
        reviews,
        prompts=PROMPT,
        models=MODEL,
        schema=Literal["good", "bad"],
        expected="label",
        client=oc.Client(cache=HERE / "compare-cache.sqlite"),
    )
    assert result.best.accuracy >= 0.9, result.table
