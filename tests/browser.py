"""Chromium without a network, as wide and as dark as a test asks for.

It needs Debian's `chromium` and `chromium-driver`, and axe-core: `npm ci --prefix tests/axe`.
"""

import os
import shutil
from pathlib import Path

import pytest
from selenium import webdriver

AXE = Path(__file__).parent / "axe/node_modules/axe-core/axe.min.js"
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
]
HEIGHT = 900


@pytest.fixture
def browser(tmp_path):
    """Return a function (width, dark) → an offline Chromium; all are closed at the end.

    Skips where there is no browser, and fails there if CI is set.
    """
    needed = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    needed["axe-core"] = AXE.exists()
    if missing := [name for name, found in needed.items() if not found]:
        say = pytest.fail if "CI" in os.environ else pytest.skip
        say(f"the browser tests need {', '.join(missing)}")
    started = []

    def start(width=1280, dark=False):
        options = webdriver.ChromeOptions()
        options.binary_location = needed["chromium"]
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        profile = f"--user-data-dir={tmp_path / f'profile_{len(started)}'}"
        for argument in (*ARGUMENTS, profile):
            options.add_argument(argument)
        service = webdriver.ChromeService(needed["chromedriver"])
        started.append(driver := webdriver.Chrome(options, service))
        size = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        for command, values in (
            ("Emulation.setDeviceMetricsOverride", size),
            ("Emulation.setEmulatedMedia", {"features": [scheme]}),
            ("Network.enable", {}),
            ("Network.emulateNetworkConditions", offline),
        ):
            driver.execute_cdp_cmd(command, values)
        return driver

    yield start
    for driver in started:
        driver.quit()


def complaints(driver):
    """Return what the console says: errors and warnings since the last call."""
    return [entry["message"] for entry in driver.get_log("browser")]


def widest(driver):
    """Return the width of what can be scrolled to, in pixels."""
    return driver.execute_script("return document.documentElement.scrollWidth")


def violations(driver):
    """Return what axe-core finds against WCAG A and AA and its best practices, rule by rule."""
    driver.execute_script(AXE.read_text(encoding="utf-8"))
    found = driver.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "axe.run().then(found => done(found.violations), error => done([{id: String(error)}]))"
    )
    return {rule["id"]: [node["html"] for node in rule.get("nodes", [])] for rule in found}
