"""What each deviation changes, as formulas: the problem's beside the program's, in MathML.

A formula is written as it is read, with `_` and `^` for what hangs below and above, `{…}` for
what belongs together, `frac`, `sqrt` and `"words"`; `!` marks what differs; a sign that a space
follows has two operands.
"""

import re
from xml.sax.saxutils import escape

from stages.sgd.deviations import get
from stages.sgd.recipes.recipe import Recipe

WORDS = re.compile(r'"[^"]*"|\d+(?:\.\d+)?|log|exp|max|mod|frac|sqrt|fl|[+−] |\\[{}]|[^\W\d_]|\S')
SCRIPTS = {"": ("", ""), "_": ("msub", "munder"), "^": ("msup", "mover")}
SCRIPTS["_^"] = ("msubsup", "munderover")
WIDE = "∑"  # its limits stand below and above it
LETTERS = re.compile(r"[^\W\d_]|∇|log|exp|max|fl")
OPERATORS = {"mod": ' form="infix" lspace="0.3em" rspace="0.3em"', "+": ' form="prefix"'}
OPERATORS |= {"−": OPERATORS["+"], "+ ": ' form="infix"', "− ": ' form="infix"'}
OPERATORS |= dict.fromkeys((*"()‖|⌊⌋", r"\{", r"\}"), ' stretchy="false" lspace="0" rspace="0"')

DATA, STATED_LOSS = "x_{ij} ∼ P", "frac 1 N ∑_{i=1}^N ℓ(z_i, y_i)"
SGD, MEAN = "θ ← θ − η ∇_θ ℓ(z_i, y_i)", "θ ← θ − η frac 1 B ∑_{i∈B} ∇_θ ℓ(z_i, y_i)"
AFFINE, PHI = "z = w·x + b", "z = w·φ(x)"
LOGISTIC, HINGE = "log(1 + e^{−yz})", "max(0, 1 − yz)"
BY_Z = "∇_θ ℓ = −y σ(−yz) x"
UNIFORM = r"i_t ∼ U\{1, …, N\}"
PARTS = "r = f(x) − y; (u, b, a) ← (u, b, a) − η r ∇f(u, b, a)"

# By field; by field and value; or by both and the problem's model or loss. Each is the stated
# problem's formula, and the program's.
FORMULAS: dict[object, tuple[str, str]] = {
    "data.seed": ("(X, y) = D(s)", "(X, y) = D(!{s′})"),
    "data.transposed": ("x_{ij} = g_{(i−1)p + j}", "x_{ij} = g_!{(j−1)N + i}"),
    "data.features": (DATA, "x_{ij} ∼ !{P′}"),
    "data.negative": (r"y_i ∈ \{−1, +1\}", r"y_i ∈ \{!{c_−}, +1\}"),
    "data.positive": (r"y_i ∈ \{−1, +1\}", r"y_i ∈ \{−1, !{c_+}\}"),
    "data.train": (STATED_LOSS, "frac 1 !n ∑_{i=1}^!n ℓ(z_i, y_i), n < N"),
    "intercept": (AFFINE, "z = w·x + b !s"),
    ("intercept", "none"): (AFFINE, "z = w·x !{+ 0}"),
    ("intercept", "label"): (AFFINE, "z = w·x + b !y"),
    ("intercept", "label", "quadratic"): (PHI, "z = w·φ(x) !{+ b y}"),
    ("intercept", "constant", "quadratic"): (PHI, "z = w·φ(x) !{+ b}"),
    "intercept.output": (AFFINE, "z = w·x + b !s"),
    "intercept.gradient": ("frac {∂z} {∂b} = 1", "frac {∂z} {∂b} = !s"),
    ("intercept.gradient", "label"): ("frac {∂z} {∂b} = 1", "frac {∂z} {∂b} = !y"),
    "intercept.log": ("ℓ(w·x + b, y)", "ℓ(w·x + b !s, y)"),
    ("intercept.log", "label"): ("ℓ(w·x + b, y)", "ℓ(w·x + b !y, y)"),
    "batch.size": (SGD, "θ ← θ − η !{frac 1 B ∑_{i∈B}} ∇_θ ℓ(z_i, y_i)"),
    "batch.reduction": (MEAN, "θ ← θ − η !{∑_{i∈B}} ∇_θ ℓ(z_i, y_i)"),
    ("batch.reduction", "margin", "logistic"): (
        MEAN,
        "θ ← θ − η ∇_θ log(1 + exp(!{−∑_{i∈B}} y_i z_i))",
    ),
    ("batch.reduction", "margin", "hinge"): (
        MEAN,
        "θ ← θ − η ∇_θ max(0, 1 − !{∑_{i∈B}} y_i z_i)",
    ),
    "batch.drop_last": ("|B_t| = B", '|B_t| = !{N mod B} "  at an epoch’s end"'),
    ("derivative", "one_minus_loss"): (BY_Z, "∇_θ ℓ = !{(1 − ℓ(z, y)) y} x"),
    ("derivative", "flipped_exponent"): (BY_Z, "∇_θ ℓ = −y σ(!{+}yz) x"),
    ("derivative", "label_forgotten"): (BY_Z, "∇_θ ℓ = !{−}σ(−yz) x"),
    ("derivative", "label_forgotten", "hinge"): (
        '∇_θ ℓ = −y x "  where  " yz < 1',
        '∇_θ ℓ = !{−}x "  where  " yz < 1',
    ),
    ("derivative", "label_forgotten", "squared"): (
        "∇_θ ℓ = (z − y) ∇_θ z",
        "∇_θ ℓ = !z ∇_θ z",
    ),
    ("derivative", "label_forgotten_in_exponent"): (BY_Z, "∇_θ ℓ = −y σ(!{−z}) x"),
    ("derivative", "label_forgotten_in_condition"): (
        '∇_θ ℓ = −y x "  where  " yz < 1',
        '∇_θ ℓ = −y x "  where  " !z < 1',
    ),
    ("derivative", "margin_forgotten"): (
        '∇_θ ℓ = −y x "  where  " yz < 1',
        '∇_θ ℓ = −y x "  where  " yz < !0',
    ),
    ("derivative", "per_feature"): (
        "frac {∂ℓ} {∂w_j} = −y σ(−yz) x_j",
        "frac {∂ℓ} {∂w_j} = −y σ(!{−x_j z}) x_j",
    ),
    "gradient_factor": (SGD, "θ ← θ − η !κ ∇_θ ℓ(z_i, y_i)"),
    ("gradient_factor", -1.0): (SGD, "θ ← θ !{+ } η ∇_θ ℓ(z_i, y_i)"),
    "regularization": (f"{STATED_LOSS} + λ ‖w‖^2", f"{STATED_LOSS} + !{{λ′}} ‖w‖^2"),
    ("regularization", 0.0): (f"{STATED_LOSS} + λ ‖w‖^2", f"{STATED_LOSS} !{{+ 0}}"),
    "penalty.factor": ("∇_w ℓ + 2λ w", "∇_w ℓ + !c λ w"),
    ("penalty.factor", 0.0): ("∇_w ℓ + 2λ w", "∇_w ℓ !{+ 0}"),
    "penalty.covers": ("λ ‖w‖^2", "λ (‖w‖^2 !{+ b^2})"),
    ("penalty.covers", "slopes"): ("λ ∑_{j=0} w_j^2", "λ ∑_{!{j=1}} w_j^2"),
    "penalty.logged": ("ℓ(z_i, y_i) + λ ‖w‖^2", "ℓ(z_i, y_i) !{+ 0}"),
    "penalty.times_rate": ("θ ← θ − η (∇_θ ℓ + 2λ w)", "θ ← θ − η ∇_θ ℓ !{− 2λ w}"),
    "start.stream": ("θ_0 = (g_{m+1}, …, g_{m+d})", "θ_0 = (g_!1, …, g_!d)"),
    ("order.law", "distinct"): ("i_1, …, i_B ∼ U", "i_1 !≠ … !≠ i_B"),
    ("order.law", "permutation"): (UNIFORM, "i_t = !{π(t mod N)}"),
    ("order.law", "reshuffle"): (UNIFORM, "i_t = !{π_{⌊t/N⌋}(t mod N)}"),
    ("order.law", "in_place"): (UNIFORM, "i_t = !{π_{⌊t/N⌋}(t mod N)}"),
    ("order.law", "cyclic"): (UNIFORM, "i_t = !{t mod N}"),
    ("order.law", "blocks"): (UNIFORM, r"i_t ∈ !{\{kB + 1, …, kB + B\}}, k ∼ U"),
    "order.examples": (UNIFORM, r"i_t ∼ U\{1, …, !n\}, n < N"),
    "order.reseeded": (UNIFORM, "i_t = !{i_{t mod T}}"),
    ("schedule", "inverse"): ("η_t = η", "η_t = !{frac η {1 + γt}}"),
    ("schedule", "inverse_sqrt"): ("η_t = η", "η_t = !{frac η {sqrt {1 + γt}}}"),
    ("schedule", "step"): ("η_t = η", "η_t = η !{γ^{⌊t/T⌋}}"),
    ("log.value", "held_out"): (STATED_LOSS, "frac 1 {N − n} ∑_{!{i=n+1}}^N ℓ(z_i, y_i)"),
    ("log.value", "worst_margin"): (
        "frac 1 N ∑_{i=1}^N max(0, 1 − y_i z_i) + λ ‖w‖^2",
        "!{max_i (1 − y_i z_i)} + λ ‖w‖^2",
    ),
    "log.loss": ("ℓ(z, y)", "!{ℓ′}(z, y)"),
    ("log.loss", "logistic", "hinge"): (HINGE, f"!{{{LOGISTIC}}}"),
    ("log.loss", "hinge", "logistic"): (LOGISTIC, f"!{{{HINGE}}}"),
    "log.reduction": (STATED_LOSS, "!{∑_{i=1}^N} ℓ(z_i, y_i)"),
    ("log.reduction", "examples"): (
        "frac 1 T ∑_{t=1}^T ℓ(z_t, y_t)",
        "frac 1 N ∑_{t=1}^T !{|B_t|} ℓ(z_t, y_t)",
    ),
    "log.factor": (STATED_LOSS, "!κ frac 1 N ∑_{i=1}^N ℓ(z_i, y_i)"),
    ("update", "u_b_a"): (
        PARTS,
        "r = f(x) − y; u ← u − η r ∇_u f(u, b, a); b ← b − η r ∇_b f(!u, b, a);"
        " a ← a − η r ∇_a f(!{u, b}, a)",
    ),
    ("update", "a_b_u"): (
        PARTS,
        "r = f(x) − y; a ← a − η r ∇_a f(u, b, a); b ← b − η r ∇_b f(u, b, !a);"
        " u ← u − η r ∇_u f(u, !{b, a})",
    ),
    ("update", "u_ab"): (
        PARTS,
        "r = f(x) − y; u ← u − η r ∇_u f(u, b, a); (b, a) ← (b, a) − η r ∇_{b, a} f(!u, b, a)",
    ),
    ("update", "u_b_a_anew"): (
        PARTS,
        "u ← u − η r ∇_u f(u, b, a); b ← b − η !r ∇_b f(!u, b, a);"
        ' a ← a − η !r ∇_a f(!{u, b}, a); !{r = f(x) − y} " each time"',
    ),
    ("update", "a_b_u_anew"): (
        PARTS,
        "a ← a − η r ∇_a f(u, b, a); b ← b − η !r ∇_b f(u, b, !a);"
        ' u ← u − η !r ∇_u f(u, !{b, a}); !{r = f(x) − y} " each time"',
    ),
    "accumulate": ("g_t = ∇_θ ℓ_t", "g_t = !{g_{t−1}} + ∇_θ ℓ_t"),
    "precision": ("fl(v) = v (1 + δ), |δ| ≤ 2^{−53}", "fl(v) = v (1 + δ), |δ| ≤ 2^!{−24}"),
    "steps": ("frac 1 N ∑_{t=1}^N ℓ_t", "frac 1 !T ∑_{t=1}^!T ℓ_t, T ≠ N"),
}


def pair(recipe: Recipe, field: str) -> tuple[str, str]:
    """Return, in MathML, what the stated problem has and what a recipe has for a field."""
    value, objective = get(recipe, field), recipe.objective
    value = getattr(value, "law", getattr(value, "output", value))
    keys = [(field, value, objective.model), (field, value, objective.loss), (field, value), field]
    return tuple(mathml(text) for text in next(FORMULAS[k] for k in keys if k in FORMULAS))


def mathml(text: str) -> str:
    """Return a formula as `math` elements, one a line; `;` ends a line."""
    lines = []
    for line in text.split(";"):
        words, parts = WORDS.findall(line)[::-1], []
        while words:
            parts.append(_scripted(words))
        lines.append(f'<math display="block">{_row(parts)}</math>')
    return "".join(lines)


def _row(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"<mrow>{''.join(parts)}</mrow>"


def _scripted(words: list[str]) -> str:
    """Take an atom and what hangs below and above it; the next word is the list's last."""
    wide, parts, marks = words[-1] == WIDE, [_atom(words)], ""
    for mark in "_^":
        if words and words[-1] == mark:
            marks += words.pop()
            parts.append(_atom(words))
    name = SCRIPTS[marks][wide]
    return f"<{name}>{''.join(parts)}</{name}>" if marks else parts[0]


def _atom(words: list[str]) -> str:
    word = words.pop()
    if word == "!":
        return f'<mrow class="differs">{_atom(words)}</mrow>'
    if word == "{":
        parts = []
        while words[-1] != "}":
            parts.append(_scripted(words))
        words.pop()
        return _row(parts)
    if word in ("frac", "sqrt"):
        parts = "".join(_atom(words) for _ in range(1 + (word == "frac")))
        return f"<m{word}>{parts}</m{word}>"
    if word.startswith('"'):
        return f"<mtext>{word[1:-1].replace(' ', chr(0xA0))}</mtext>"
    if word[0].isdigit():
        return f"<mn>{word}</mn>"
    if LETTERS.fullmatch(word):
        return f"<mi>{word}</mi>"
    return f"<mo{OPERATORS.get(word, '')}>{escape(word.strip(chr(92) + ' '))}</mo>"
