"""Near misses of a mistyped or invented word: for the `suggestions` of an error, and for the end of its message."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _

# What a word of one library or language is called in another one: `wrong …: right …`, compared without case and `_`.
_ELSEWHERE = """
groupby: group_by / groupby / orderby sortby arrange sort: sort_values sort sorted / filterby where: query filter
mutate withcolumn withcolumns addcolumn: assign with_columns / assign: with_columns / dropna: drop_nulls dropna
dropnull dropnulls: dropna drop_nulls / fillna: fill_null fillna / fillnull: fillna fill_null
distinct: unique drop_duplicates / isnull isna: is_null isnull isna / notnull notna isnotnull: is_not_null notna
isin: is_in isin / nunique countdistinct: n_unique nunique / cast: astype / astype: cast / melt: unpivot
unpivot pivotlonger gather: melt / pivotwider spread: pivot pivot_table / merge: join / join leftjoin innerjoin: merge
ix: loc iloc / iteritems: items / iterrows itertuples: iter_rows / iterrow: iterrows / applymap: map
apply: map_elements map / append bindrows rbind unionall: concat vstack / append: extend add push
push pushback add insertlast: append add / addall concat: extend update concatenate / concat: concatenate union hstack
length len nrow numrows: size shape height / len length count: size __len__ / ncol numcols: width shape
dim dims dimensions: ndim shape / haskey contains includes: in / contains: find isin is_in / indexof: index find
touppercase uppercase toupper: upper to_uppercase / tolowercase lowercase tolower: lower to_lowercase / trim: strip
trimend: rstrip / replaceall: replace sub / delete erase: remove pop drop / removeat: pop
empty isempty: clear empty is_empty / substr substring: slice / readfile read readlines: read_text
writefile write: write_text / extension ext: suffix / basename filename: name / dirname directory folder: parent
listdir listfiles: iterdir glob / cwd pwd: getcwd cwd / makedirs mkdirs: mkdir makedirs / delete remove: unlink
size: st_size stat / average avg mean: mean average / stddev stdev stdv sd stddeviation: std / variance: var
maximum: max / minimum: min / total: sum / correlation correlationmatrix: corr corrcoef / percentile: quantile
quantile: percentile / argmax: idxmax arg_max / argmin: idxmin arg_min / idxmax: argmax / idxmin: argmin
title: set_title / xlabel: set_xlabel / ylabel: set_ylabel / xlim: set_xlim / ylim: set_ylim / xticks: set_xticks
settitle: title / setxlabel: xlabel / setylabel: ylabel / setxlim: xlim / setylim: ylim / xscale: set_xscale
colour: color c / colors: color cmap / size markersize: s fontsize markersize
thickness width linewidth: linewidth lw / opacity transparency: alpha / size: figsize
linetype linestyle: ls linestyle / colormap: cmap / numbins nbins: bins / trees numtrees ntrees: n_estimators
epochs maxiterations niter numiterations iterations: max_iter n_iter / seed randomseed rngseed: random_state
randomstate: seed / lr learningrate: learning_rate eta0 learning_rate_init / regularization lambda: C alpha
k numneighbors: n_neighbors / k numclusters: n_clusters / ncomponents k: n_components
folds nfolds k numfolds: n_splits cv / testratio testfraction: test_size / trainratio trainfraction: train_size
coefficients weights coef params: coef_ / bias: intercept_
importances importance featureimportance: feature_importances_ / centers centroids: cluster_centers_
evaluate accuracy: score / train: fit / predictprobability: predict_proba / inverse: inv / determinant: det
transpose: T / multiply: dot matmul / eigenvalues: eigvals eig / magnitude: norm / randint randominteger: integers
randn gaussian: standard_normal normal / rand: random / pretty: indent / descending desc: reverse
descending desc: ascending / ascending: descending / separator delimiter: sep delimiter / sep: separator delimiter
by column columns: on by / on: by / func callback: function func fn / fn: func key / currenttime: now time
totalsecs: total_seconds / secs: seconds / mins: minutes / formatdate strfmt: strftime
parse parsedate: strptime fromisoformat / stringify encode serialize: dumps / parse decode deserialize: loads
println: print / flatten: ravel flatten / begin startvalue: start
fromstring: strptime fromisoformat / merge: update / create: mkdir touch
mostfrequent: most_common
upcase upcased: upper / downcase: lower / first head: head first / tail last: tail last
keys: on / join: how / columns by: subset / metric: scoring / paramgrid: param_distributions
paramdistributions: param_grid / includes: contains / recursive: parents / limit: maxsplit / n count: num
showvalues: annot / location: loc / resolution: dpi / dims: axis / top: most_common nlargest / barchart: barplot bar
matchall: findall finditer / clock: perf_counter / waitall: gather / in1d: isin / defaultvalue: default
gender: sex / sex: gender / qty: quantity / totalminutes totalhours: total_seconds
rmse: root_mean_squared_error / mse meansquareerror: mean_squared_error
mae: mean_absolute_error / r2: r2_score
"""
# Where the right name does not belong to the same owner: known by another name that the owner has.
_BESIDE = {
    ("append", "pivot_table"): "concat",
    ("contains", "casefold"): "in",
    ("haskey", "setdefault"): "in",
}
_BESIDE |= {
    (word, owner): "len"
    for word in ("length", "len", "size")
    for owner in ("casefold", "setdefault", "append")
}
_BESIDE |= {(word, "ndarray"): word for word in ("float", "int", "object", "str", "bool", "complex")}


def similar(word: str, among: Iterable[str], cutoff: float = 0.6) -> tuple[str, ...]:
    """At most three of `among` spelt like `word`, best first. `cutoff` is the least similarity, from 0 to 1."""
    import difflib  # only mistakes need it

    choices = {choice.lower(): choice for choice in among}
    near = difflib.get_close_matches(word.lower(), choices, n=3, cutoff=cutoff)
    return tuple(choices[match] for match in near)


def suggest(word: str, among: Iterable[str]) -> tuple[str, ...]:
    """The nearest of `among`, best first, at most three; empty when none is near. Case does not count.

    First those that other libraries and languages call `word`, then those that are spelt like it, then those that
    contain it, are contained in it or share words with it.
    """
    every = sorted(set(among))
    plain = {_plain(choice): choice for choice in every}
    meant = [right for (wrong, beside), right in _BESIDE.items() if wrong == _plain(word) and beside in every]
    meant += [plain[right] for each in _known().get(_plain(word), ()) if (right := _plain(each)) in plain]
    same = [plain[_plain(word)]] if _plain(word) in plain else []
    near = similar(word, every)
    words = _words(word)
    rated = [(_shared(words, _words(choice), word, choice), choice) for choice in every]
    sharing = [choice for score, choice in sorted(rated, key=lambda pair: -pair[0]) if score >= _LEAST_SHARED]
    # Spelling alone misleads where a whole word is shared: `train_size_ratio` is `train_size`.
    ordered = [*same, *meant, *near[:1], *sharing[:1], *near[1:], *sharing[1:]]
    return tuple(dict.fromkeys(choice for choice in ordered if choice != word or choice in meant))[:3]


_LEAST_SHARED = 0.3


def _plain(word: str) -> str:
    return word.replace("_", "").lower()


@functools.cache
def _known() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for group in _ELSEWHERE.replace("\n", " / ").split(" / "):
        wrong, _colon, right = group.partition(":")
        for each in wrong.split():
            found.setdefault(each, []).extend(right.split())
    return found


@functools.lru_cache(8_192)
def _words(word: str) -> set[str]:
    """The words in a name, singular."""
    return {
        part.lower().rstrip("s") for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_]+", word)
    }


def _shared(ours: set[str], theirs: set[str], word: str, choice: str) -> float:
    """How much two names share, from 0 to 1: whole words, or the one within the other."""
    both, every = sum(map(len, ours & theirs)), sum(map(len, ours | theirs)) or 1
    short, long = sorted((word.lower(), choice.lower()), key=len)
    within = len(short) > 2 and short in long
    return max(both / every, len(short) / len(long) if within else 0, 0.3 if within else 0)


def mistyped(
    what: str, word: str, among: Iterable[str], *, hint: str = "", otherwise: Iterable[str] = ()
) -> UsageError:
    """The error for a `word` that is none of `among`, as `what` says; `otherwise` is suggested where none is near."""
    near = suggest(word, among) or tuple(otherwise)[:3]
    return UsageError(what + did_you_mean(near), suggestions=near, hint=hint)


def did_you_mean(near: tuple[str, ...]) -> str:
    """The end of a sentence: ` · did you mean a, b?`, or nothing."""
    return _(" · did you mean {near}?", near=", ".join(near[:3])) if near else ""
