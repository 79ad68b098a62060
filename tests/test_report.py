"""The page: whole and well formed without a browser, and as a reader meets it with one."""

import json
import re
import shutil
import xml.etree.ElementTree as ET
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
import yaml
from browser import complaints, violations, widest
from conftest import PARAMS, ROOT, section
from pypdf import PdfReader

from stages import check, report
from stages.common.files import InputError
from stages.figures import formulas
from stages.sgd import deviations
from stages.sgd.recipes import fields
from stages.sgd.recipes.recipe import Choices, Problem, Program

PAGE = ROOT / "plots/report.html"
LARGEST, SLOWEST, PHONE = 3_000_000, 1000, 390  # bytes, milliseconds, pixels
BLOCKS = {"dt", "dd", "td", "th", "p", "h3", "h4", "li", "summary"}
VOID = {"meta", "link", "img", "br", "hr"}
NUMBER = re.compile(r"−?\d+(?:\.\d+)?(?: × 10−?\d+)?")
themes = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
widths = pytest.mark.parametrize("width", [1280, PHONE])


class Page(HTMLParser):
    """The elements of a page, and the text below each that has an id."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.text, self.mistakes = [], [], {}, []
        self.feed(text)
        self.mistakes += [f"never closed: {name}" for name, _ in self.open]

    def handle_starttag(self, tag, attrs):
        if tag in BLOCKS:
            self.handle_data(" ")
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append((tag, dict(attrs).get("id")))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop()[0] != tag:
            self.mistakes.append(f"closed out of turn: {tag} in line {self.getpos()[0]}")

    def handle_data(self, data):
        for _, name in self.open:
            if name:
                self.text[name] = self.text.get(name, "") + data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def source():
    return PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(source):
    return Page(source)


@pytest.fixture(scope="module")
def claims():
    return json.loads((ROOT / "metrics/claims.json").read_text(encoding="utf-8"))


def test_the_page_is_small_and_stands_alone(source, page):
    assert len(source.encode()) < LARGEST
    assert page.all("script") == []
    addresses = [a[k] for _, a in page.elements for k in ("href", "src", "srcset") if k in a]
    assert {a for a in addresses if not a.startswith(("#", "data:"))} == set()
    assert not re.search(r"https?:|@import|url\(", source)
    assert not [k for _, a in page.elements for k in a if k.startswith("on")]


def test_the_page_is_well_formed(source, page):
    assert source.startswith("<!DOCTYPE html>")
    assert page.mistakes == []
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for a in page.all("a")} <= set(ids)
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("title")) == len(page.all("h1")) == 1
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all("scope" in a for a in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))


def test_every_picture_is_in_it_once_with_words(page):
    images = page.all("img")
    figures = [a["id"] for a in page.all("figure")]
    assert len(images) == len(figures) == 10 + len(PARAMS["submissions"])
    for name, image in zip(figures, images, strict=True):
        data = b64decode(image["src"].removeprefix("data:image/png;base64,"))
        assert data == (ROOT / f"plots/{name}.png").read_bytes()
        assert len(image["alt"]) > 40


def test_every_claim_is_in_it_with_its_verdict_and_sentence(page, claims):
    assert len(claims) == 17
    for name, claim in claims.items():
        text = " ".join(page.text[name].split())
        assert text[2:].startswith(f"{claim['verdict']} {name}")
        assert claim["claim"] in text
        assert claim["sentence"] in text


def shown(value):
    """Return the ways in which the page may write what a claim's evidence holds."""
    if isinstance(value, dict | list):
        values = value.values() if isinstance(value, dict) else value
        return set().union(*map(shown, values)) if values else set()
    if isinstance(value, bool | str) or value is None:
        return set()
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    digits, _, power = text.partition("e")
    text = f"{digits} × 10{int(power)}" if power else digits
    return {text.replace("-", "−")}


def test_every_number_among_the_claims_was_measured(page, claims):
    for name, claim in claims.items():
        text = page.text[name]
        for said in (name, claim["claim"], claim["sentence"]):
            assert said in text
            text = text.replace(said, "", 1)
        keys = re.findall(r"\d+", " ".join(re.findall(r'"([^"]*)":', json.dumps(claim))))
        counted = [str(n) for n in range(1, 5)] if "no." in text else []
        assert set(NUMBER.findall(text)) <= shown(claim["evidence"]) | {*keys, *counted, name[1]}


def test_the_survey_is_in_it_whole(page):
    table = pd.read_csv(ROOT / "plots/survey.csv")
    numbers = set(NUMBER.findall(page.text["survey"]))
    for column in ("gap", "gap_undone", "gap_repaired", "cost"):
        assert set().union(*map(shown, table[column].dropna().tolist())) <= numbers


def test_what_each_kind_of_deviation_costs_is_beside_it(page):
    text = " ".join(page.text["deviations"].split())
    for name, kind in json.loads((ROOT / "metrics/survey.json").read_text()).items():
        costs = [shown(kind[key]).pop() for key in ("cost", "least", "most")]
        spread = f", from {costs[1]} to {costs[2]}" if kind["least"] < kind["most"] else ""
        count = f"{kind['programs']} program{'s' * (kind['programs'] > 1)}"
        title = name[0].upper() + name[1:]
        assert f"{title} {count} · median cost {costs[0]}{spread} " in text


def programs():
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    problems = {name: Problem.model_validate(p) for name, p in params["problems"].items()}
    for name, values in params["programs"].items():
        stated = problems[values["problem"]]
        recipe = Program.model_validate(values).recipe(stated.objective)
        yield name, recipe, stated.recipe(recipe.replicas)


def test_every_deviation_of_every_program_is_in_it_with_its_formulas(source, page):
    text = " ".join(page.text["deviations"].split()).lower()
    for _, recipe, stated in programs():
        for deviation in deviations.deviations(recipe, stated, section(recipe.dataset)):
            assert deviation.name.lower() in text
            assert deviation.words.lower() in text
            for formula in formulas.pair(recipe, deviation.field):
                assert formula in source


VALUES = {"derivative": Choices, "update": Choices, "order.law": fields.Order}
VALUES |= {"schedule": fields.Schedule, "log.value": fields.Log}
UNDEVIATING = {"exact", "simultaneous", "replacement", "constant", "objective", "sampled"}


def test_every_field_that_can_deviate_has_formulas():
    named = {key if isinstance(key, str) else key[0] for key in formulas.FORMULAS}
    assert named == set(deviations.WORDS)
    for field, schema in VALUES.items():
        head, _, tail = field.partition(".")
        annotation = schema.model_fields["law" if field == "schedule" else tail or head].annotation
        for value in set(annotation.__args__) - UNDEVIATING:
            assert (field, value) in formulas.FORMULAS


@pytest.mark.parametrize("text", sorted({f for pair in formulas.FORMULAS.values() for f in pair}))
def test_every_formula_is_mathml(text):
    tree = ET.fromstring(f"<all>{formulas.mathml(text)}</all>")  # noqa: S314  (its own)
    assert {math.tag for math in tree} == {"math"}
    counts = {"mfrac": 2, "msub": 2, "msup": 2, "msubsup": 3, "munder": 2, "munderover": 3}
    for element in tree.iter():
        assert len(element) == counts.get(element.tag, len(element))
        assert element.tag in {*counts, "all", "math", "mrow", "mi", "mn", "mo", "mtext", "msqrt"}
    written = re.sub(r"frac|sqrt|[\s_^{}!;\\\"]", "", text)
    assert re.sub(r"[\s{}]", "", "".join(tree.itertext())) == written


def test_only_what_the_program_has_is_marked():
    for stated, written in formulas.FORMULAS.values():
        assert "!" not in stated
        assert "!" in written


def test_a_formula_is_as_it_would_be_written_by_hand():
    assert formulas.mathml("x_i^2 + frac 1 !{−n}") == (
        '<math display="block"><mrow><msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>'
        '<mo form="infix">+</mo><mfrac><mn>1</mn><mrow class="differs"><mrow>'
        '<mo form="prefix">−</mo><mi>n</mi></mrow></mrow></mfrac></mrow></math>'
    )


def test_the_page_is_what_the_stage_writes(tmp_path, monkeypatch):
    for name in ("metrics", "params.yaml"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "plots", tmp_path / "plots")
    (tmp_path / "plots/report.html").unlink()
    monkeypatch.chdir(tmp_path)
    check.main()
    report.main()
    assert Path("plots/report.html").read_bytes() == PAGE.read_bytes()


@pytest.mark.parametrize("damage", [None, b"no picture"])
def test_a_missing_or_damaged_picture_is_named(tmp_path, monkeypatch, damage):
    monkeypatch.chdir(tmp_path)
    if damage:
        Path("a.png").write_bytes(damage)
    with pytest.raises(InputError, match=r"^a\.png: (cannot be read|is not a PNG)"):
        report.picture("a.png")


@widths
@themes
def test_a_browser_shows_it_without_fault(browser, width, dark):
    driver = browser(width, dark)
    times = []
    for _ in range(5):  # the machine may be busy
        driver.get(PAGE.as_uri())
        timing = "performance.timing.loadEventEnd - performance.timing.navigationStart"
        times.append(driver.execute_script(f"return {timing}"))
    assert min(times) < SLOWEST
    assert widest(driver) <= width
    assert violations(driver) == {}
    assert complaints(driver) == []
    drawn = "return [...document.images].every(i => i.complete && i.naturalWidth && i.clientWidth)"
    assert driver.execute_script(drawn)
    background = "return getComputedStyle(document.body).backgroundColor"
    red = int(re.search(r"\d+", driver.execute_script(background))[0])
    assert red < 60 if dark else red > 200


def test_what_is_wider_than_a_phone_scrolls_by_keyboard(browser):
    driver = browser(PHONE)
    driver.get(PAGE.as_uri())
    wide = """
        const scrolls = [...document.querySelectorAll("main *")].filter(
            e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX === "auto");
        return scrolls.map(e => [e.tabIndex, e.getAttribute("role"), e.ariaLabel]);
    """
    found = driver.execute_script(wide)
    assert len(found) > 9
    assert all(index == 0 and role == "region" and label for index, role, label in found)
    cut = """
        return [...document.querySelectorAll("main *")].filter(e => {
            const box = e.getBoundingClientRect();
            return box.right > innerWidth + 1 && !e.closest("[role=region]");
        }).map(e => e.outerHTML.slice(0, 80));
    """
    assert driver.execute_script(cut) == []


def test_paper_shows_each_figure_whole(browser):
    """Each picture is drawn on one page of the PDF alone, unclipped and in its own shape."""
    driver = browser()
    driver.get(PAGE.as_uri())
    decoded = "const [done] = arguments; Promise.all([...document.images].map(i => i.decode()))"
    driver.execute_async_script(f"{decoded}.then(() => done())")  # or a page has none of them
    options = {"printBackground": True, "preferCSSPageSize": True}
    pdf = b64decode(driver.execute_cdp_cmd("Page.printToPDF", options)["data"])
    drawn = []
    for page in PdfReader(BytesIO(pdf)).pages:
        images = page.get("/Resources", {}).get("/XObject", {})

        def note(operator, operands, matrix, _, images=images, edges=page.mediabox):
            image = images[operands[0]] if operator == b"Do" else {}
            if image.get("/Subtype") == "/Image":
                drawn.append((image["/Width"], image["/Height"]))
                width, _, _, height, left, bottom = matrix
                assert min(left, bottom) >= 0
                assert left + width <= edges.width
                assert bottom + height <= edges.height
                assert width / height == pytest.approx(image["/Width"] / image["/Height"], rel=0.01)

        page.extract_text(visitor_operand_before=note)
    pictures = Page(PAGE.read_text(encoding="utf-8")).all("img")
    assert sorted(drawn) == sorted((int(a["width"]), int(a["height"])) for a in pictures)
    sizes = [int.from_bytes(b64decode(a["src"][22:66])[16:20]) for a in pictures]
    assert sizes == [int(a["width"]) for a in pictures]
