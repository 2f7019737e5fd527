// The search lists pages for users before the Python API and before how it is built.
var Scorer = {
  score: ([page, , anchor, , score]) =>
    /^(adding|architecture|reliability|benchmarks|api|genindex|start\/zh)/.test(page) ? score - 8
    : /^notebooks/.test(page) ? score - 4 : score + (/^start/.test(page) ? 1 : 0),
  objNameMatch: 11, objPartialMatch: 6, objPrio: { 0: 0, 1: 0, 2: -5 }, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,
};
