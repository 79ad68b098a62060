"""What `dvc plots show` and `dvc plots diff` draw, seen in a browser without a network."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from browser import violations, widest
from conftest import ROOT
from matplotlib.figure import Figure
from selenium.webdriver.support.wait import WebDriverWait

from page import build
from stages import charts
from stages.figures import sweep as drawing

# What is drawn in each chart: colours of legend and marks, dashes, lines and words.
SEEN = """
const attribute = (part, name) => (part.getAttribute(name) ?? "").toUpperCase();
return charts.map(({box}) => {
  const found = (selector) => [...box.querySelectorAll(selector)];
  const painted = found(".role-mark path, .role-mark line").filter((part) =>
    attribute(part, "opacity") !== "0" && part.getBoundingClientRect().width
      + part.getBoundingClientRect().height > 0);
  const colours = (parts) => parts.flatMap((part) => ["stroke", "fill"].map(
    (name) => attribute(part, name))).filter((colour) => colour.startsWith("#"));
  return {
    id: box.id,
    legend: colours(found(".role-legend-symbol path")),
    marks: colours(painted),
    dashes: [...new Set(painted.map((part) => attribute(part, "stroke-dasharray")))],
    lines: found(".mark-line path").map((part) => [attribute(part, "stroke"),
      attribute(part, "stroke-width"), part.getAttribute("d")]),
    words: found("text").map((part) => part.textContent),
    width: box.scrollWidth,
    cut: found("text").filter((part) => part.textContent
      && part.getBoundingClientRect().top < box.getBoundingClientRect().top).length,
  };
});
"""
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#808080"  # grey is for revisions


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """What Git holds, in a repository of its own, with nothing that DVC keeps."""
    folder = tmp_path_factory.mktemp("clone")
    for name in git(ROOT, "ls-files").splitlines():
        if (ROOT / name).exists() and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "first")
    return folder


@pytest.fixture(scope="module")
def shown(clone):
    return plots(clone, "show")


@pytest.fixture(scope="module")
def compared(clone, tmp_path_factory):
    """The pages that compare two revisions, and three."""
    folder = tmp_path_factory.mktemp("compared") / "study"
    shutil.copytree(clone, folder)
    scale(folder / "plots/curves/svm.csv", ["loss", "lower", "upper"], 0.5)
    scale(folder / "plots/ablations/svm.csv", ["value", "lower", "upper"], 0.5)
    git(folder, "commit", "--quiet", "--all", "--message", "second")
    two = plots(folder, "diff", "HEAD~1", "HEAD", "--out", "two")
    scale(folder / "plots/curves/svm.csv", ["loss", "lower", "upper"], 0.5)
    three = plots(folder, "diff", "HEAD~1", "HEAD", "workspace", "--out", "three")
    return {2: two, 3: three}


def command(folder, *words):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path}
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def git(folder, *words):
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    return command(folder, "git", *identity, *words)


def plots(folder, *words):
    return Path(command(folder, "dvc", "plots", *words).strip().removeprefix("file://"))


def scale(path, columns, factor):
    table = pd.read_csv(path, keep_default_na=False)
    table[columns] *= factor
    table.to_csv(path, index=False)


def drawn(driver, page):
    """Open a page and return how long it took to draw, in seconds, and what is seen."""
    driver.get(page.as_uri())
    script = "return performance.getEntriesByName('drawn').map((mark) => mark.startTime)"
    found = WebDriverWait(driver, 30).until(lambda driver: driver.execute_script(script))
    return found[0] / 1000, {chart["id"]: chart for chart in driver.execute_script(SEEN)}


def tables(folder):
    """Return the names of the tables that charts are drawn from."""
    names = (
        "curves/*.csv",
        "curves_of_others/*.csv",
        "recorded_curves/*.csv",
        "ablations/*.csv",
        "rates/*.csv",
        "costs.csv",
    )
    found = [path for name in names for path in (folder / "plots").glob(name)]
    return {str(p.relative_to(folder)).replace("/", "_").replace(".", "_") for p in found}


def errors(driver):
    return [e["message"] for e in driver.get_log("browser") if e["level"] == "SEVERE"]


def test_the_page_is_what_its_sources_make():
    built = (ROOT / ".dvc/page.html").read_text(encoding="utf-8")
    assert built == build.page(), "run: make page"
    assert built.count("<script") == built.count("</script>") == 2
    assert "Copyright (c) 2015-2023, University of Washington Interactive Data Lab" in built


def test_what_would_end_a_script_is_escaped():
    assert build.inline("'<!-- </Script> a < b'") == r"'\x3C!-- \x3C/Script> a < b'"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 500, 390])
def test_every_chart_and_figure_is_seen(width, dark, browser, clone, shown):
    driver = browser(width, dark)
    _, seen = drawn(driver, shown)
    assert set(seen) == tables(clone)
    for chart in seen.values():
        assert len(set(chart["marks"])) >= 2, chart["id"]
        assert set(chart["legend"]) - {GREY} <= set(chart["marks"]), chart["id"]
        assert chart["width"] <= width
        assert chart["cut"] == 0, chart["id"]
    assert errors(driver) == []
    assert widest(driver) == width
    assert violations(driver) == {}
    images = driver.execute_script(
        "return [...document.images].map((i) => [i.alt, i.naturalWidth, i.clientWidth])"
    )
    assert len(images) == len(list((clone / "plots").glob("figure_*.png")))
    assert all(alt and natural and shown_at <= width for alt, natural, shown_at in images)


def test_the_page_says_what_to_see_problem_by_problem(browser, shown, params):
    driver = browser()
    _, seen = drawn(driver, shown)
    heads, texts, words = driver.execute_script(
        "const all = (tag) => [...document.querySelectorAll(tag)].map((e) => e.textContent);"
        "return [all('h2'), all('h3 + p'), document.body.innerText]"
    )
    problems = {problem["title"] for problem in params["problems"].values()}
    assert set(heads[: len(problems)]) == problems
    assert heads[len(problems) :] == ["Recorded curves", "What deviations cost", "Figures"]
    assert len(texts) == len(seen)
    assert all(text.endswith(".") for text in texts)
    assert "::" not in words
    assert ".csv" not in words
    assert "appendix B" in seen["plots_curves_logistic_csv"]["words"]
    assert "optimum 0.4757" in seen["plots_curves_svm_csv"]["words"]
    assert not [w for w in seen["plots_curves_logistic_csv"]["words"] if "optimum" in w]


def test_two_curves_that_are_one_are_seen_as_two(browser, shown):
    _, seen = drawn(browser(), shown)
    wide, narrow = seen["plots_curves_svm_csv"]["lines"][:2]
    assert (wide[0], narrow[0]) == (BLUE, ORANGE)
    assert wide[2] == narrow[2]
    assert float(wide[1]) >= 3 * float(narrow[1])


def test_the_page_is_small_and_quick(browser, shown):
    size = sum(path.stat().st_size for path in shown.parent.rglob("*") if path.is_file())
    assert size < 3e6
    driver = browser()
    assert min(drawn(driver, shown)[0] for _ in range(5)) < 2


@pytest.mark.parametrize("width", [1280, 390])
def test_two_revisions_are_solid_and_dashed(width, browser, compared, clone):
    driver = browser(width)
    _, seen = drawn(driver, compared[2])
    assert set(seen) == tables(clone)
    svm = seen["plots_curves_svm_csv"]
    assert {"HEAD~1", "HEAD", "PyTorch", "NumPy"} <= set(svm["words"])
    assert {"1,0", "7,4"} <= set(svm["dashes"])
    assert len({line[2] for line in svm["lines"] if line[0] == BLUE}) == 2
    bars = seen["plots_ablations_svm_csv"]
    assert [word for word in bars["words"] if word.startswith("HEAD")] == ["HEAD~1", "HEAD"]
    assert errors(driver) == []
    assert widest(driver) == width
    assert violations(driver) == {}


@pytest.mark.parametrize("width", [1280, 390])
def test_three_revisions_stand_side_by_side(width, browser, compared, clone):
    driver = browser(width, dark=True)
    _, seen = drawn(driver, compared[3])
    assert set(seen) == tables(clone)
    for name in ("plots_curves_svm_csv", "plots_ablations_svm_csv", "plots_costs_csv"):
        words = seen[name]["words"]
        assert sorted(w for w in words if w in ("HEAD~1", "HEAD", "workspace")) == [
            "HEAD",
            "HEAD~1",
            "workspace",
        ]
        assert set(seen[name]["legend"]) <= set(seen[name]["marks"])
    svm = seen["plots_curves_svm_csv"]
    assert len({line[2] for line in svm["lines"] if line[0] == BLUE}) == 3
    assert errors(driver) == []
    assert widest(driver) == width


def test_a_new_table_is_a_new_chart(clone, tmp_path):
    folder = shutil.copytree(clone, tmp_path / "study")
    shutil.copy(folder / "plots/curves/svm.csv", folder / "plots/curves/another.csv")
    assert 'id = "plots_curves_another_csv"' in plots(folder, "show").read_text()


def test_each_template_is_json_and_names_the_data():
    for path in (ROOT / ".dvc/plots").glob("*.json"):
        assert "<DVC_METRIC_DATA>" in json.dumps(json.loads(path.read_text(encoding="utf-8")))
    ignored = subprocess.run(["git", "check-ignore", ".dvc/plots/loss.json"], cwd=ROOT, check=False)
    assert ignored.returncode == 1


def curve(loss, label="NumPy", upper=2.0, optimum=0.0):
    columns = {"epoch": [1, 2], "curve": label, "loss": [1.0, loss]}
    return pd.DataFrame(columns | {"lower": 0.1, "upper": upper, "optimum": optimum})


@pytest.mark.parametrize(
    ("torch", "other", "optimum", "words", "not_words"),
    [
        (0.5, 0.4, 0.0, "are one curve", "logs is another loss"),
        (0.5, 0.4, 0.0, "0, has no place on a log axis.", "dotted"),
        (0.6, 0.4, 0.0, "PyTorch and NumPy part.", "one curve"),
        (0.5, 0.4, 0.3, "0.3, is the dotted line.", "logs is another loss"),
        (0.5, 0.1, 0.3, "What B logs is another loss: it ends below.", "no place"),
    ],
)
def test_the_sentence_says_what_the_curves_do(torch, other, optimum, words, not_words):
    curves = {
        "PyTorch": curve(torch, "PyTorch", optimum=optimum),
        "NumPy": curve(0.5, optimum=optimum),
        "B": curve(other, "B", upper=other + 0.1, optimum=optimum),
    }
    said = charts.compared(curves)
    assert words in said
    assert not_words not in said
    assert f"end at {torch:.3g} (PyTorch), 0.5 (NumPy) and {other:.3g} (B)." in said


def test_the_sentence_names_the_highest_and_the_lowest():
    said = charts.ranked({"s1": curve(0.5), "s2": curve(0.7), "s3": curve(0.0)})
    assert said.endswith(
        "s2 ends highest, at 0.7; s3 lowest, at 0, which has no place on a log axis."
    )
    assert charts.ranked({"s1": curve(0.5)}).endswith("s1 ends at 0.5.")


def test_a_long_history_is_thinned_and_keeps_its_ends(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    epochs = range(1, 5001)
    names = ("sampled_loss", "sampled_loss_lower", "sampled_loss_upper", "optimum")
    history = pd.DataFrame({"epoch": epochs} | dict.fromkeys(names, epochs))
    history.to_csv("history.csv", index=False)
    kept = charts.thinned("NumPy", ".")["epoch"].tolist()
    assert kept[:3] == [1, 2, 3]
    assert kept[-1] == 5000
    assert len(kept) <= charts.POINTS


def swept(gaps):
    columns = ("gap", "lower", "upper", "loss")
    shares = {
        "diverged": [0.0 if g is not None else 1.0 for g in gaps],
        "separates": [0] * len(gaps),
    }
    rates = [10.0**n for n in range(len(gaps))]
    return {"steps": 30, "learning_rate": rates} | dict.fromkeys(columns, gaps) | shares


@pytest.mark.parametrize(
    ("gaps", "words"),
    [
        ([0.5, 0.25, None], "the gap is least, 0.25, at 10. At 100, the largest, 100 % of"),
        ([None, None], "learning rates no median is finite. At 10, the largest, 100 % of"),
    ],
)
def test_the_sentence_says_where_the_gap_is_least(gaps, words):
    marked = pd.DataFrame({"learning_rate": [1.0], "whose": ["the report"], "who": ["A"]})
    (_, _, said), table = charts.rates("SVM", swept(gaps), marked)
    assert words in said
    assert len(table) == len(gaps) + 1
    table["section"] = "SVM"
    drawing.draw_panel(Figure().subplots(), table, drawing.COLORS)


@pytest.mark.parametrize(
    ("name", "author"),
    [
        ("appendix_a", "the report"),
        ("appendix_f", "another program"),
        ("appendix_a2", "another program"),
        ("problem_7", "the report"),
        ("s08_svm", "other authors"),
        ("mine", "another program"),
        ("mine_s01_svm", "another program"),
    ],
)
def test_whose_a_program_is(name, author):
    assert charts.whose(name) == author
