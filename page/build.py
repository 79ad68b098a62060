"""Write `.dvc/page.html`, which `dvc plots` fills: python page/build.py, with vl-convert-python.

It is `page.html` with `page.js` and the libraries that draw, so that it needs no network.
"""

import re
from pathlib import Path

import vl_convert

HERE = Path(__file__).parent


def page() -> str:
    """Return the page, its placeholders for DVC still open."""
    notice = (HERE / "LICENSES.txt").read_text(encoding="utf-8")
    bundle = vl_convert.javascript_bundle()
    parts = {
        "libraries": f"/*\n{notice}*/\n(() => {{\n{bundle}\n}})();",
        "script": (HERE / "page.js").read_text(encoding="utf-8"),
    }
    text = (HERE / "page.html").read_text(encoding="utf-8")
    for name, code in parts.items():
        text = text.replace(f"{{{name}}}", inline(code))
    return text


def inline(code: str) -> str:
    """Return JavaScript that neither ends its `<script>` element nor starts a comment in it."""
    return re.sub(r"<(?=!--|/?script)", r"\\x3C", code, flags=re.IGNORECASE)


if __name__ == "__main__":
    (HERE.parent / ".dvc/page.html").write_text(page(), encoding="utf-8")
