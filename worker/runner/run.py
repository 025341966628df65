# SPDX-License-Identifier: Apache-2.0
"""The part of a job that is not a plain Python script: unpacks a bundle, executes a notebook. It runs inside the sandbox as the job's own user,
so a hostile archive or notebook meets the same walls as a hostile script, and the worker itself reads neither.

    python3 -u run.py bundle ARCHIVE [--entry PATH] -- ARGUMENT…
    python3 -u run.py notebook FILE -- ARGUMENT…

What it cannot do it says on standard error in a line that begins with `tally-runner: `; worker/job_diagnosis.c knows the beginnings of
these sentences."""
import contextlib
import errno
import lzma
import os
import re
import stat
import struct
import sys
import tarfile
import zipfile
import zlib

MEMBERS_MAX = 150000
ENTRIES = ("main.py", "__main__.py", "run.py", "train.py", "app.py", "main.ipynb")
SITE = ".tally-wheels"


class Problem(Exception):
    pass


# ── bundles ──

def safe_name(name):
    """The member's path below the folder, or a Problem: a name may not lead out of it."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if name.startswith(("/", "\\")) or ".." in parts or any("\0" in part or len(os.fsencode(part)) > 255 for part in parts):
        raise Problem("bundle: the name %r leads out of the bundle; names are relative, without .." % name[:200])
    return "/".join(parts)


def tar_members(archive):
    """(name, size, whether it may be run, opener) of each regular file. Folders come into being with their files; a link to a file inside the
    bundle becomes a copy of it; devices and pipes are refused."""
    for count, member in enumerate(archive):
        if count > MEMBERS_MAX:
            raise Problem("bundle: it has more than %d members" % MEMBERS_MAX)
        name = safe_name(member.name)
        if member.isdir() or name == "":
            continue
        if member.issym() or member.islnk():
            folder = os.path.dirname(name) if member.issym() else ""
            if member.linkname.startswith("/") or os.path.normpath(os.path.join(folder, member.linkname)).startswith(".."):
                raise Problem("bundle: the link %r leads out of the bundle" % member.name[:200])
        elif not member.isreg():
            raise Problem("bundle: %r is neither a file nor a folder" % member.name[:200])
        yield name, bool(member.mode & 0o100), lambda member=member: archive.extractfile(member)


def zip_members(archive):
    infos = archive.infolist()
    if len(infos) > MEMBERS_MAX:
        raise Problem("bundle: it has more than %d members" % MEMBERS_MAX)
    for info in infos:
        name = safe_name(info.filename)
        mode = info.external_attr >> 16
        if info.is_dir() or name == "":
            continue
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise Problem("bundle: %r is neither a file nor a folder" % info.filename[:200])
        if info.flag_bits & 1:
            raise Problem("bundle: %r is encrypted" % info.filename[:200])
        yield name, bool(mode & 0o100), lambda info=info: archive.open(info)


def write_member(folder, name, may_run, opened):
    """Made anew, through no link: what an earlier member put there is replaced."""
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    if os.path.lexists(path):
        os.unlink(path)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o755 if may_run else 0o644)
    with os.fdopen(fd, "wb") as out:
        while True:
            piece = opened.read(1 << 20)
            if not piece:
                return
            out.write(piece)


def ends_like_a_zip(path):
    """Whether a zip's directory and its end are the file's last bytes. zipfile.is_zipfile takes one that lies anywhere near the end, as in a tar
    whose last file is a zip."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - (1 << 16) - 22)
        file.seek(start)
        tail = file.read()
        at = tail.rfind(b"PK\5\6")
        while at >= 0:
            if at + 22 <= len(tail) and at + 22 + int.from_bytes(tail[at + 20:at + 22], "little") == len(tail):
                file.seek(max(0, start + at - int.from_bytes(tail[at + 12:at + 16], "little")))
                return file.read(4) in (b"PK\1\2", b"PK\5\6")
            at = tail.rfind(b"PK\5\6", 0, at + 3)
    return False


def is_zip(path, name):
    """By its name, as whoever looked at it before the job was bought did. Some bytes are a tar from their start and a zip from their end; such a file
    would be something else to each reader."""
    named_zip = name.lower().endswith((".zip", ".whl"))
    if tarfile.is_tarfile(path) if named_zip else ends_like_a_zip(path):
        raise Problem("bundle: it is a tar and a zip at once; send it as one of them")
    return named_zip


def unpack(path, folder, called=None):
    """All regular files below `folder`; their names. `called`: the archive's name, where its path does not tell it."""
    names = []
    try:
        if is_zip(path, called or path):
            with zipfile.ZipFile(path) as archive:
                for name, may_run, opener in zip_members(archive):
                    with opener() as opened:
                        write_member(folder, name, may_run, opened)
                    names.append(name)
        else:
            with tarfile.open(path, "r:*") as archive:
                for name, may_run, opener in tar_members(archive):
                    opened = opener()
                    if opened is None:
                        raise Problem("bundle: the link %r points to nothing in the bundle" % name[:200])
                    with opened:
                        write_member(folder, name, may_run, opened)
                    names.append(name)
    except Problem:
        raise
    except KeyError as error:  # a link's target
        raise Problem("bundle: a link points to nothing in the bundle: %s" % error) from None
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise Problem("bundle: one name is a file and a folder: %s" % error) from None
    except OSError as error:
        if error.errno not in (None, errno.EINVAL, errno.ENAMETOOLONG):  # those are of the archive's making, others (a full disk) are not
            raise
        raise Problem("bundle: it cannot be unpacked: %s" % error) from None
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError, struct.error,
            zlib.error, lzma.LZMAError) as error:
        raise Problem("bundle: it cannot be unpacked: %s" % error) from None
    if not names:
        raise Problem("bundle: it has no files")
    return names


def find_entry(names, wanted):
    """(folder to work in, entry in it). A bundle whose files all lie in one folder is that folder."""
    tops = {name.split("/", 1)[0] for name in names}
    prefix = tops.pop() + "/" if len(tops) == 1 and all("/" in name for name in names) else ""
    inner = {name[len(prefix):] for name in names}
    if wanted:
        wanted = "/".join(part for part in wanted.split("/") if part not in ("", "."))
        for candidate in (wanted, wanted[len(prefix):] if prefix and wanted.startswith(prefix) else None):
            if candidate in inner:
                return prefix, candidate
        raise Problem("entry point: the bundle has no %r; it has %s" % (wanted, some(inner)))
    for candidate in ENTRIES:
        if candidate in inner:
            return prefix, candidate
    scripts = sorted(name for name in inner if "/" not in name and name.endswith((".py", ".ipynb")) and name != "setup.py")
    if len(scripts) == 1:
        return prefix, scripts[0]
    raise Problem("entry point: none was named (settings.entry), and %s" % (
        "%s could each be it" % some(scripts) if scripts else "the bundle has no script at its top: it has %s" % some(inner)))


def some(names):
    listed = sorted(names)
    return ", ".join(listed[:8]) + (" and %d more" % (len(listed) - 8) if len(listed) > 8 else "")


def wheels(folder):
    """Pure Python wheels in wheels/ are unpacked beside; the folder, or None."""
    source = os.path.join(folder, "wheels")
    found = sorted(name for name in os.listdir(source) if name.endswith(".whl")) if os.path.isdir(source) else []
    for name in found:
        if not name.endswith("-any.whl"):
            raise Problem("requirements: %s is not a pure Python wheel (…-any.whl); nothing else can be used" % name)
        unpack(os.path.join(source, name), os.path.join(folder, SITE))
    return os.path.join(folder, SITE) if found else None


def base_of(version):
    """1.13.0 of "1.13.0a0+gitunknown": distributions build releases that still call themselves a pre-release."""
    from packaging.version import Version
    try:
        return Version(version).base_version
    except ValueError:
        return version


def unmet(line):
    """What a line of requirements.txt asks for and the machine has not; None if it has it."""
    from importlib import metadata
    line = re.sub(r"(^|\s)#.*", "", line).strip()
    if not line or line.startswith("-"):
        return None
    match = re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)", line)
    if not match or "://" in line:
        return line
    try:
        from packaging.requirements import Requirement
        wanted = Requirement(line)
    except ImportError:
        wanted = None
    except ValueError:
        return line
    if wanted is not None and wanted.marker is not None and not wanted.marker.evaluate():
        return None
    try:
        version = metadata.version(match.group(1))
    except metadata.PackageNotFoundError:
        return line
    if wanted is not None and not any(wanted.specifier.contains(told, prereleases=True) for told in (version, base_of(version))):
        return "%s (the machine has %s)" % (line, version)
    return None


def check_requirements(folder):
    path = os.path.join(folder, "requirements.txt")
    if not os.path.isfile(path):
        return
    with open(path, encoding="utf-8", errors="replace") as file:
        missing = [what for what in map(unmet, file.read().replace("\\\n", "").splitlines()) if what is not None]
    if missing:
        raise Problem("requirements: this machine has not: %s" % ", ".join(missing[:20]))


def link_results(results, folder):
    """The folder of the results, from where a bundle with one folder around it all runs. One that the bundle brings is taken over with what is in it."""
    name = os.path.relpath(results, folder)
    with contextlib.suppress(OSError):  # there is $TALLY_RESULTS, in any case
        os.rename(name, results)  # over an empty one alone
    with contextlib.suppress(OSError):
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        os.symlink(results, name)  # where nothing is


def run_bundle(path, wanted, arguments):
    folder = os.path.dirname(path)
    with open(path, "rb") as archive:  # its name is free for what is in it
        os.unlink(path)
        names = unpack("/proc/self/fd/%d" % archive.fileno(), folder, path)
    prefix, entry = find_entry(names, wanted)
    root = os.path.join(folder, prefix)
    os.chdir(root)
    if prefix:
        link_results(os.environ.get("TALLY_RESULTS", os.path.join(folder, "results")), folder)
    site = wheels(root)
    if site is not None:
        sys.path.insert(0, site)
        os.environ["PYTHONPATH"] = site + (":" + os.environ["PYTHONPATH"] if os.environ.get("PYTHONPATH") else "")
    check_requirements(root)
    if entry.endswith(".ipynb"):
        return run_notebook(os.path.join(root, entry), arguments)
    if entry.endswith(".sh"):
        os.execv("/bin/sh", ["/bin/sh", entry, *arguments])
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-u", entry, *arguments])


# ── notebooks ──

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def run_notebook(path, arguments):
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    class Client(NotebookClient):
        """Passes on what the cells write while they run."""

        def output(self, outs, msg, display_id, cell_index):
            content = msg["content"]
            if msg["msg_type"] == "stream":
                stream = sys.stderr if content["name"] == "stderr" else sys.stdout
                stream.write(content["text"])
                stream.flush()
            elif msg["msg_type"] in ("execute_result", "display_data"):
                text = content["data"].get("text/plain")
                if text:
                    print(text, flush=True)
            return super().output(outs, msg, display_id, cell_index)

    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:  # whatever a reader of strange JSON throws
        raise Problem("notebook: it cannot be read: %s" % error) from None
    cells = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]
    results = os.environ.get("TALLY_RESULTS", "results")
    os.makedirs(results, exist_ok=True)
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # a warning of ipykernel's about a debugger nobody uses
    os.environ["TALLY_ARGUMENTS"] = "\n".join(arguments)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    client = Client(notebook, timeout=None, kernel_name="python3", resources={"metadata": {"path": os.path.dirname(path) or "."}})
    from jupyter_client.manager import AsyncKernelManager
    client.km = AsyncKernelManager(kernel_name="python3", transport="ipc", ip="/tmp/tally-kernel")
    status = 0
    try:
        with client.setup_kernel():
            for done, index in enumerate(cells):
                print('::tally progress=%.3f operation="cell %d of %d"' % (done / len(cells), done + 1, len(cells)), flush=True)
                client.execute_cell(notebook.cells[index], index)
    except CellExecutionError as error:
        print(ANSI.sub("", str(error)), file=sys.stderr, flush=True)
        status = 1
    except DeadKernelError:
        print("tally-runner: notebook: its kernel died (killed, or out of memory)", file=sys.stderr, flush=True)
        status = 1
    nbformat.write(notebook, os.path.join(results, os.path.basename(path)))
    return status


def main(arguments):
    mode, path, *rest = arguments
    wanted = ""
    if rest[0] == "--entry":
        wanted, rest = rest[1], rest[2:]
    try:
        return run_bundle(path, wanted, rest[1:]) if mode == "bundle" else run_notebook(path, rest[1:])
    except Problem as problem:
        print("tally-runner: %s" % problem, file=sys.stderr, flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
