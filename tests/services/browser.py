"""A browser for page.py: Debian's Chromium by its own driver, and axe-core as the judge of what is hard to use."""

import base64
import ctypes
import importlib.util
import pathlib
import signal
import sys
import time

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

# On a busy machine, too.
PATIENCE = 120
OPTIONS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--window-size=1400,900",
    # With the driver the browser ends, however that comes.
    "--remote-debugging-pipe",
]
SIZES = {"wide": (1400, 900), "tablet": (900, 900), "phone": (360, 740)}


def die_together():
    """In the driver, before it starts: its end is sent to it when the test is killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def axe():
    """The script of axe-core, as a package of Python brings it."""
    [folder] = importlib.util.find_spec("axe_playwright_python").submodule_search_locations
    return (pathlib.Path(folder) / "axe.min.js").read_text()


def say(text):
    """To whoever started this."""
    print(text, file=sys.stderr, flush=True)


class Page:
    """The page in a browser; pictures go to `folder`, their names begin with `name`."""

    def __init__(self, url, folder, name):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for option in OPTIONS:
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.ChromeService("/usr/bin/chromedriver", popen_kw={"preexec_fn": die_together})
        self.driver = webdriver.Chrome(options=options, service=driver)
        self.url, self.folder, self.name = url, pathlib.Path(folder), name
        self.axe = axe()
        self.folder.mkdir(parents=True, exist_ok=True)

    def open(self, path=""):
        self.driver.get(self.url + path)

    def run(self, script, *args):
        """What JavaScript gives."""
        return self.driver.execute_script(script, *args)

    def wait(self, what, condition):
        """Waits until the condition gives something; `what` is told where it never does."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if found := condition():
                return found
            time.sleep(0.05)
        sys.exit(f"waited in vain for {what}; the page says:\n{self.run('return document.body.innerText.slice(0, 4000)')}")

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0])?.textContent ?? ''", selector)

    def count(self, selector):
        return self.run("return document.querySelectorAll(arguments[0]).length", selector)

    def shows(self, selector, text):
        """Waits until something that can be seen has this text in it."""
        script = """return [...document.querySelectorAll(arguments[0])].some(
            (found) => found.checkVisibility() && found.textContent.includes(arguments[1]))"""
        return self.wait(f"'{text}' in {selector}", lambda: self.run(script, selector, text))

    def press(self, *keys):
        ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self, selector):
        return self.run("return document.activeElement.matches(arguments[0])", selector)

    def tab_to(self, selector):
        """Goes there as somebody without a mouse does, and sees where that is."""
        for _ in range(100):
            if self.focused(selector):
                seen = "return getComputedStyle(document.activeElement).outlineStyle"
                assert self.run(seen) != "none", f"{selector} has the focus, and does not show it"
                return
            self.press(Keys.TAB)
        sys.exit(f"no way to {selector} by the tab key")

    def moves(self, selector):
        """Waits until each chart below has more points and another picture."""
        script = """return [...document.querySelectorAll(arguments[0] + ' .plot')].map(
            (plot) => [Number(plot.dataset.points), plot.querySelector('canvas').toDataURL()])"""
        before = self.run(script, selector)
        assert before, f"no charts in {selector}"

        def all_moved():
            pairs = list(zip(before, self.run(script, selector)))
            return all(new[0] > old[0] and new[1] != old[1] for old, new in pairs)

        self.wait(f"the charts of {selector} to move", all_moved)

    def look(self, view, sizes=tuple(SIZES), schemes=("light", "dark")):
        """Keeps a picture of each size and scheme; nothing goes beyond the screen, and axe finds nothing."""
        for size in sizes:
            for scheme in schemes:
                self.resize(size, scheme)
                self.keep(f"{self.name}-{view}-{size}-{scheme}.png")
                self.judge(f"{view}, {size}, {scheme}")
                say(f"looked at {view}, {size}, {scheme}")
        self.resize("wide", "light")

    def resize(self, size, scheme):
        width, height = SIZES[size]
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == "phone"}
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        drawn = "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))"
        self.driver.execute_async_script(drawn)

    def keep(self, file):
        width, height = self.run("return [innerWidth, Math.min(3000, document.documentElement.scrollHeight)]")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        (self.folder / file).write_bytes(base64.b64decode(picture["data"]))

    def judge(self, view):
        wide = self.run("const { scrollWidth, clientWidth } = document.documentElement; return scrollWidth - clientWidth")
        assert wide <= 0, f"{view}: the page is {wide} pixels wider than the screen"
        if not self.run("return 'axe' in window"):
            self.run(self.axe)
        found = self.driver.execute_async_script("axe.run().then((result) => arguments[0](result.violations))")
        told = [f"{one['impact']}: {one['help']}: {[node['html'] for node in one['nodes']]}" for one in found]
        assert not told, f"{view}: " + "\n".join(told)

    def complaints(self):
        """What the browser complained of, besides requests without a good answer."""
        log = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
        return [line for line in log if "Failed to load resource" not in line and "net::ERR" not in line]
