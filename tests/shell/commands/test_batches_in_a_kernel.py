"""`%openclaw batches` in a real kernel, for calls of oc.map that were interrupted by an error."""

import pytest

pytestmark = [pytest.mark.kernel, pytest.mark.slow]

CALL = "oc.map(['a', 'b', 'c'], 'Label {item}.', batch=True, table=False)"


@pytest.fixture
def begun(signed_in):
    """A batch that the service has, and a call that did not wait for it."""
    signed_in.portal.batches(takes=3600)
    signed_in.portal.fails_next("/v1/batches/", 403)
    signed_in.run(f"import openclaw_ipython as oc\n{CALL}")
    return signed_in


def said(notebook, line):
    return notebook.run(line).text.strip()


def test_a_batch_is_listed_fetched_and_returned_by_the_same_call(begun):
    listed = said(begun, "%openclaw batches list")
    assert "qwen-portal/coder-model" in listed
    assert "validating, 0 done" in listed
    assert "validating" in said(begun, "%openclaw batches fetch")
    begun.portal.batches(takes=0, fails=1)
    assert said(begun, "%openclaw batches fetch").endswith(": 2 answered, 1 failed")
    assert begun.portal.batch_desk.files == {}
    assert said(begun, "%openclaw batches list") == "no batch is under way"
    begun.portal.batches(fails=0)
    assert begun.value(f"[type(reply).__name__ for reply in {CALL}]") == ["Reply"] * 3
    assert len(begun.portal.batch_desk.answered) == 3


def test_a_cancelled_batch_gives_what_is_done(begun):
    name = said(begun, "%openclaw batches list").splitlines()[1].split()[0]
    assert "is asked to end it" in said(begun, f"%openclaw batches cancel {name}")
    begun.portal.batches(takes=0.001)
    assert "failed" in said(begun, f"%openclaw batches fetch {name}")
    assert begun.portal.batch_desk.files == {}


def test_a_name_that_is_not_there(notebook):
    cell = notebook.run("%openclaw batches cancel oc-nothing")
    assert cell.evalue.startswith("no batch oc-nothing is under way")
