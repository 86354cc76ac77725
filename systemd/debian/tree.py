"""What the package puts where: the gateway with all it imports, byte code, units, rules, pages and words for shells."""

from __future__ import annotations

import gzip
import shutil
import stat
import sys
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path

from systemd.debian.cache import Cache
from systemd.debian.interpreter import interpreter
from systemd.debian.locked import Target, runtime_pins, wheels
from systemd.debian.roots import Roots
from systemd.debian.run import run
from systemd.debian.stop import BuildError
from systemd.debian.suite import Suite

HERE = Path(__file__).parent
SYSTEMD = HERE.parent
PROJECT = SYSTEMD.parent
SDKS = "gateway/api/sdks"
LIB = Path("usr/lib/ferrule")
DOC = Path("usr/share/doc/ferrule")
CONFIG = Path("etc/ferrule/ferrule.toml")

# From systemd/ to where the system looks for it.
_FILES = {
    "ferrule.service": "usr/lib/systemd/system/ferrule.service",
    "ferrule-backup.service": "usr/lib/systemd/system/ferrule-backup.service",
    "ferrule-backup.timer": "usr/lib/systemd/system/ferrule-backup.timer",
    "ferrule-plugin.socket": "usr/lib/systemd/system/ferrule-plugin.socket",
    "ferrule-plugin@.service": "usr/lib/systemd/system/ferrule-plugin@.service",
    "ferrule.sysusers": "usr/lib/sysusers.d/ferrule.conf",
    "ferrule.tmpfiles": "usr/lib/tmpfiles.d/ferrule.conf",
    "70-ferrule.rules": "usr/lib/udev/rules.d/70-ferrule.rules",
    "ferrule-backup": "usr/lib/ferrule/libexec/backup",
    "ferrule-journald.conf": "usr/share/doc/ferrule/examples/journald.conf",
    "debian/ferrule.toml": CONFIG.as_posix(),
}
_BACKING_OFF = "usr/lib/systemd/system/ferrule.service.d/10-restart-steps.conf"
_PAGES = ("operation.md", "configuration.md", "field-guide.md", "cli.md")
# One file after the other, in order and with one seed: else sets of constants are written in any order.
_COMPILE = """\
import py_compile, sys
for file in sys.stdin.read().split("\\0"):
    try:
        py_compile.compile(
            file, dfile=file.removeprefix(sys.argv[1]), doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    except py_compile.PyCompileError as error:
        sys.exit(f"{file}: {error}")
"""


def make_tree(root: Path, suite: Suite, target: Target, version: str, cache: Cache) -> None:
    """Put everything the package installs into a directory.

    Args:
        root: the directory.
        suite: the release of Debian.
        target: machine and Python.
        version: of the package, for ``ferrule --version`` too.
        cache: keeps what is fetched.

    Raises:
        BuildError: something cannot be had, or is not as it should be.
    """
    site = root / LIB / "lib" / f"python{suite.python}" / "site-packages"
    unpack(site, wheels(runtime_pins(PROJECT, target), target, cache))
    own(site, version.partition("+")[0])
    environment(root, suite)
    if suite.backs_off:
        place(SYSTEMD / "ferrule-restart-steps.conf", root / _BACKING_OFF)
    for name, where in _FILES.items():
        place(SYSTEMD / name, root / where)
    documents(root, site)
    words(root)
    compile_all(root, suite, Roots(cache))


def place(source: Path, target: Path) -> None:
    """Copy a file, with its right to be run and none other."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755 if source.stat().st_mode & stat.S_IXUSR else 0o644)


def unpack(site: Path, found: list[Path]) -> None:
    """Unpack wheels; nothing of them is run.

    Raises:
        BuildError: a wheel wants more than to be unpacked.
    """
    for wheel in found:
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                path = Path(member.filename)
                if path.is_absolute() or ".." in path.parts:
                    raise BuildError(f"{wheel.name}: {member.filename} leads elsewhere")
                # Programs of libraries, pages and headers: nothing imports them.
                if path.parts[0].endswith(".data") or member.is_dir():
                    if path.parts[0].endswith(".data") and path.parts[1] in {"purelib", "platlib"}:
                        raise BuildError(f"{wheel.name} has {path.parts[1]}: this is not known how to unpack")
                    continue
                # What the libraries test themselves with: megabytes on the card, read by nobody.
                if {"tests", "_tests"} & set(path.parts):
                    continue
                file = site / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(archive.read(member))
                file.chmod(0o644)
    for record in site.glob("*.dist-info/RECORD"):
        # It lists what is not here, and dpkg has its own.
        record.unlink()


def own(site: Path, version: str) -> None:
    """The gateway itself, the profiles it comes with, and its version."""
    # Those git does not know yet, too: without them a build in the middle of a change would be half of it.
    every = ("--cached", "--others", "--exclude-standard")
    listed = run(["git", "-C", PROJECT, "ls-files", *every, "-z", "gateway", "drivers", "config/profiles"])
    # The SDKs are made, and not kept (`make sdk`).
    made = [str(path.relative_to(PROJECT)) for path in sorted((PROJECT / SDKS).glob("*"))]
    for name in (*filter(None, listed.split("\0")), *made):
        source = PROJECT / name
        if not source.exists():
            continue
        file = site / name
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, file)
        file.chmod(0o644)
    about = site / f"ferrule-{version}.dist-info"
    about.mkdir()
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    needs = [f"Requires-Dist: {one}" for one in project["dependencies"]]
    (about / "METADATA").write_text(
        "\n".join(["Metadata-Version: 2.1", "Name: ferrule", f"Version: {version}", *needs, ""])
    )
    (about / "INSTALLER").write_text("dpkg\n")


def environment(root: Path, suite: Suite) -> None:
    """An environment of Python by hand, and the program: nothing of other Python software is seen, nor sees this."""
    lib = root / LIB
    (lib / "bin").mkdir(parents=True, exist_ok=True)
    (lib / "bin" / "python3").symlink_to(f"/usr/bin/python{suite.python}")
    (lib / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {suite.python}.0\n"
    )
    program = root / "usr/bin/ferrule"
    program.parent.mkdir(parents=True, exist_ok=True)
    # -I: neither the directory it is called in nor variables of whoever calls it say what is imported.
    program.write_text(
        "#!/usr/lib/ferrule/bin/python3 -I\nimport sys\n\nfrom gateway.cli.main import main\n\nsys.exit(main())\n"
    )
    program.chmod(0o755)


def documents(root: Path, site: Path) -> None:
    """Pages for people, the example with every key, what changed, and whose work is in here."""
    for page in _PAGES:
        place(PROJECT / "docs" / page, root / DOC / page)
    place(PROJECT / "config" / "ferrule.toml", root / DOC / "examples" / "ferrule.toml")
    compress(root / DOC / "changelog.gz", (PROJECT / "CHANGELOG.md").read_bytes())
    lines = ["Ferrule, and the libraries it brings in /usr/lib/ferrule, each with its licence beside it:", ""]
    for metadata in sorted(site.glob("*.dist-info/METADATA")):
        about = HeaderParser().parsestr(metadata.read_text())
        licence = about["License-Expression"] or (about["License"] or "").partition("\n")[0]
        if not licence:
            licence = "; ".join(
                one.rpartition(" :: ")[2] for one in about.get_all("Classifier", []) if one.startswith("License")
            )
        if about["Name"] != "ferrule":
            lines.append(f"{about['Name']} {about['Version']}: {licence or 'see its files'}")
    (root / DOC / "copyright").write_text("\n".join([*lines, ""]))


def words(root: Path) -> None:
    """Manual pages and completion, said by the very program that is packed."""
    program = [sys.executable, "-I", "-c", "from gateway.cli.main import main; raise SystemExit(main())"]
    # Where a terminal is narrow, pages would be.
    clean = {"LC_ALL": "C.UTF-8", "COLUMNS": "100"}
    man = root / "usr/share/man/man1"
    man.mkdir(parents=True)
    run([*program, "man", "--directory", man], clean)
    for page in sorted(man.glob("*.1")):
        compress(page.with_name(f"{page.name}.gz"), page.read_bytes())
        page.unlink()
    for shell, where in (
        ("bash", "usr/share/bash-completion/completions/ferrule"),
        ("zsh", "usr/share/zsh/vendor-completions/_ferrule"),
    ):
        (root / where).parent.mkdir(parents=True)
        (root / where).write_text(run([*program, "completion", shell], clean))


def compress(target: Path, content: bytes) -> None:
    """Gzip without a name and a time."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(content, 9, mtime=0))


def compile_all(root: Path, suite: Suite, roots: Roots) -> None:
    """Byte code by the Python that will read it: nobody can write any later, and without it a start takes minutes."""
    files = sorted(str(file) for file in (root / LIB).rglob("*.py"))
    source = root / "compile.py"
    source.write_text(_COMPILE.replace("sys.stdin.read()", f"open({str(root / 'files')!r}).read()"))
    (root / "files").write_text("\0".join(files))
    try:
        interpreter(suite, roots).run(["-s", str(source), str(root)], {"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"})
    finally:
        source.unlink()
        (root / "files").unlink()


def version_of_project() -> str:
    """As pyproject.toml has it."""
    version: str = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    return version
