// The words that a page is the page for, also those that newcomers use and it does not: conf.py puts them into the index,
// because the search wants every word of a question in a page.
const WORDS = {
  "start/no-account": "free test try demo start first answer register account practice",
  "start/api-key": "start first answer add enter set use sign login key token openrouter fireworks modelscope",
  "start/local-server": "local offline run use own model llm ollama lmstudio vllm server",
  "ask": "fix debug repair error fail exception traceback explain cell format",
  "images-and-data": "ask about send attach image picture photo screenshot plot chart figure describe table pandas dataframe csv file",
  "python": "function script async stream tool schema",
  "agents": "ask own call talk use connect agent gateway assistant",
  "mcp": "use call connect add tool server mcp",
  "scale": "classify label tag annotate many thousand 1000 row bulk batch half cheap cheaply dataset column map",
  "money": "spending spend limit cap maximum much cheap expensive budget price cost money",
  "journal": "conversation history chat cache repeat replay usage",
  "providers": "proxy certificate server service address url model",
  "files": "file store where folder path",
  "jupyterhub": "install admin all user student class group hub jupyterhub",
};
const asked = (page) => {
  const query = (new URLSearchParams(location.search).get("q") || "").toLowerCase().split(/[^\p{L}\p{N}]+/u);
  const isAsked = (word) => query.some((each) => each.startsWith(word) && each.length - word.length < 3);
  return (WORDS[page] || "").split(" ").filter((word) => word && isAsked(word)).length;
};

// Pages for users come before the Python API and before how the package is built.
var Scorer = {
  score: ([page, , , , score]) => score + 5 * asked(page)
    - (/^(adding|architecture|reliability|benchmarks|api|genindex|start\/zh)/.test(page) ? 8 : /^notebooks/.test(page) ? 4 : 0),
  objNameMatch: 11, objPartialMatch: 6, objPrio: { 0: 0, 1: 0, 2: -5 }, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,
};
