// Arranges what DVC writes: charts by section, then figures, each with words.
const CAPTIONS = {
  figure_1: "Logistic regression: the report's two programs part (left); under the protocol NumPy and PyTorch are one curve (right).",
  figure_2a: "Linear SVM: appendix D's loss is small because its input holds the label (left); under the protocol the libraries are one curve (right).",
  figure_2b: "Logistic regression and the linear SVM, whose losses are on different scales: as published (left) and under the protocol (right).",
  figure_3a: "The data of problem 3 in the plane (left), and their distances from a hyperplane in the space of φ (right).",
  figure_3b: "Decision boundaries of problem 3: the report's (left) and the protocol's (right).",
  figure_4a: "What the two-layer network learns; the report's program never samples the point in the circle.",
  figure_4b: "Loss of the two-layer network, as published (left) and under the protocol (right).",
  figure_ablation_logistic: "From appendix B to appendix A, deviation by deviation: sampled loss (left) and stated objective (right).",
  figure_ablation_svm: "From appendix D to appendix C, deviation by deviation: sampled loss (left) and stated objective (right).",
  figure_survey: "What each deviation of each program costs in the stated objective.",
  figure_divergence: "The divergence between Bernoulli distributions is positive, and 0 only where the two are the same.",
};
const DARK = matchMedia("(prefers-color-scheme: dark)");
const draw = vegaEmbed;
const charts = [];

// DVC calls this once a chart, while the page is still being read.
vegaEmbed = (selector, spec) => charts.push({ box: document.querySelector(selector), spec });

function made(tag, text, parent) {
  const element = document.createElement(tag);
  element.textContent = text;
  parent.append(element);
  return element;
}

function rows(spec) {
  return spec.datasets ? spec.datasets.rows : spec.data.values;
}

// Give a chart the width that there is, and columns where many revisions would hide each other.
function fitted(spec, width) {
  const { side_by_side_from: from, panel } = spec.usermeta ?? {};
  const revisions = [...new Set(rows(spec).map((row) => row.rev))];
  const { title, ...fit } = structuredClone(spec); // the page says it
  const parts = [fit.spec ?? fit, ...((fit.spec ?? fit).layer ?? [])];
  const dashes = parts.flatMap((part) => part.encoding?.strokeDash ?? []);
  if (revisions.length === 1) for (const dash of dashes) dash.legend = null;
  if (from <= revisions.length) {
    const { layer, encoding, height, width: all, ...rest } = fit;
    if (encoding.strokeDash) delete encoding.strokeDash;
    const labels = encoding.y ? 170 : 50;
    const columns = Math.max(1, Math.min(revisions.length, Math.floor((width - labels) / 190)));
    const facet = { field: "rev", type: "nominal", sort: revisions, title: null };
    facet.header = { labelFontWeight: "bold", labelFontSize: 13 };
    const each = Math.floor((width - labels) / columns) - 25;
    return { ...rest, facet, columns, spec: { layer, encoding, height, width: each } };
  }
  if (panel) {
    const panels = new Set(rows(spec).map((row) => row.curve)).size - 1;
    const most = Math.max(2, Math.floor((width - 50) / panel));
    fit.columns = Math.ceil(panels / Math.ceil(panels / most));
    fit.spec.width = Math.min(260, Math.floor((width - 60) / fit.columns) - 24);
  }
  if (fit.width) Object.assign(fit, { width, autosize: { type: "fit-x", contains: "padding" } });
  return fit;
}

function theme() {
  const [ink, soft, grid] = DARK.matches ? ["#e8e8e8", "#c8c8c8", "#333"] : ["#1b1b1b", "#444", "#e4e4e4"];
  return {
    background: "transparent",
    font: "system-ui, sans-serif",
    axis: { labelColor: soft, titleColor: soft, gridColor: grid, domainColor: soft, tickColor: soft,
      labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" },
    legend: { labelColor: ink, labelFontSize: 13, labelLimit: 220 },
    header: { labelColor: ink },
    rule: { color: ink },
    text: { color: ink, fontSize: 12 },
    view: { stroke: grid },
  };
}

function redraw() {
  return Promise.all(charts.map(({ box, spec }) => draw(box, fitted(spec, box.clientWidth), {
    actions: false,
    logLevel: 1, // errors alone
    config: theme(),
    renderer: "svg",
    tooltip: { theme: DARK.matches ? "dark" : "light" },
  })));
}

function arrange() {
  const main = document.querySelector("main");
  const sections = new Map();
  for (const { box, spec } of charts) {
    const said = rows(spec).filter((row) => row.title);
    const { section, title } = said[0] ?? { section: "Charts", title: box.id };
    if (!sections.has(section)) {
      const part = document.createElement("section");
      made("h2", section, part);
      sections.set(section, part);
    }
    const short = title.replace(`${section}: `, "");
    made("h3", short[0].toUpperCase() + short.slice(1), sections.get(section));
    const same = said.every((row) => row.see === said[0].see);
    for (const { rev, see } of same ? said.slice(0, 1) : said) {
      made("p", same ? see : `${rev}: ${see}`, sections.get(section));
    }
    spec.description = title;
    box.className = "chart";
    sections.get(section).append(box);
  }
  const images = [...document.querySelectorAll("main > div:has(img)")];
  main.append(...sections.values());
  if (images.length) made("h2", "Figures", main);
  for (const box of images) {
    const name = box.querySelector("p").textContent.replace(/^.*\/|\.[^.]*$/g, "");
    const words = CAPTIONS[name] ?? name.replaceAll("_", " ");
    const figure = document.createElement("figure");
    const pictures = figure.appendChild(document.createElement("div"));
    const found = [...box.querySelectorAll("img")];
    for (const image of found) {
      const revision = image.previousElementSibling.textContent;
      const picture = made("p", "", pictures);
      if (found.length > 1) made("span", revision, picture);
      image.alt = found.length > 1 ? `${revision}: ${words}` : words;
      picture.append(image);
    }
    made("figcaption", words, figure);
    main.append(figure);
    box.remove();
  }
}

addEventListener("DOMContentLoaded", async () => {
  arrange();
  await redraw();
  performance.mark("drawn");
  let width = innerWidth;
  addEventListener("resize", () => {
    if (width !== innerWidth) redraw();
    width = innerWidth;
  });
  DARK.addEventListener("change", redraw);
});
