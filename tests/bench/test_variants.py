"""bench/variants.py judges each variant as nncc does, and its page holds them all and needs nothing from elsewhere."""
import html.parser
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
VARIANTS = ["", "--precision=bf16", "--quantize=int8,dynamic", "--prune=structured:0.3", "--prune=structured:7"]


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.cells = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href", "xlink:href", "action", "data")]

    def handle_data(self, data):
        if self.tags[-1:] == ["td"]:
            self.cells.append(data.strip())


class Variants(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.page = pathlib.Path(cls.folder.name) / "page.html"
        digits = ROOT / "examples" / "digits"
        command = [sys.executable, ROOT / "bench" / "variants.py", digits / "cnn.nn", "--nncc", os.environ["NNCC"], "--data",
                   digits / "heldout.npz", "--html", cls.page, "--rounds=1", "--seconds=0.01",
                   *(f"--variant={options}" for options in VARIANTS)]
        cls.done = subprocess.run(command, capture_output=True, text=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_table(self):
        self.assertEqual(self.done.returncode, 1, self.done.stderr)         # one of them cannot be made
        lines = self.done.stdout.splitlines()
        self.assertEqual(len(lines), 1 + len(VARIANTS))
        self.assertRegex(lines[1], r"^as it is +99\.4% +100\.0% +0\.00% .* 1\.00x")
        self.assertRegex(lines[2], r"^--precision=bf16 +99\.[345]% ")
        self.assertIn("takes a number from 0 to 0.95, not `7`", lines[5])
        sizes = [int(line.split()[-1]) for line in lines[1:5]]
        self.assertTrue(all(size < sizes[0] for size in sizes[1:]), sizes)

    def test_page(self):
        text = self.page.read_text()
        page = Page(text)
        self.assertEqual(page.tags.count("circle"), 2 * (len(VARIANTS) - 1))
        self.assertEqual(page.tags.count("tr"), len(VARIANTS))
        self.assertEqual(page.links, [])
        self.assertNotIn("script", page.tags)
        self.assertIsNone(re.search(r"url\(|@import|https?://", text))
        for options in VARIANTS[1:]:
            self.assertIn(options, text)

    @unittest.skipUnless(shutil.which("chromium"), "no chromium")
    def test_in_browser(self):
        with tempfile.TemporaryDirectory() as home:
            shown = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={home}",
                                    "--dump-dom", self.page.as_uri()], capture_output=True, text=True, timeout=120)
        self.assertEqual(Page(shown.stdout).tags.count("circle"), 2 * (len(VARIANTS) - 1), shown.stderr)


if __name__ == "__main__":
    unittest.main()
