# SPDX-License-Identifier: Apache-2.0
"""Unpacks a container image: the files of one, as `docker export` writes them (a tar, on standard input), into a new folder. It runs in a sandbox of
its own, as a user who owns nothing else, so a hostile archive meets the same walls as a hostile job, and the worker reads none of it.

    python3 -I unpack.py FOLDER BYTES FILES < TAR

Jobs of any user are to read all of it and to change none: modes become 0755 and 0644, whoever the owner was; no file is setuid. Links stay what they
are: a job sees them from its own root. Devices and pipes are left out, because a sandbox brings its own. Times stay, since Python
compares them with those in its compiled files. More than BYTES on the disk or FILES files and folders is a failure; so is an archive that is not whole,
has nothing in it, says a thing twice, or leads out of FOLDER by a name or through a link. The reason is the last line on standard error."""
import os
import sys
import tarfile

BLOCK = 4096  # of the disk: what the smallest file takes
CHUNK = 1 << 20
STREAM = 1 << 17  # tarfile copies what is left of it at each header
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
MIB = 1 << 20


class Problem(Exception):
    pass


def parts_of(name):
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise Problem("%r leads out of the image" % name[:200])
    return parts


class Unpacker:
    def __init__(self, folder, bytes_max, files_max):
        os.mkdir(folder, 0o755)
        self.root = os.open(folder, FOLDER)
        self.bytes_max, self.files_max = bytes_max, files_max
        self.bytes_left, self.files_left = bytes_max, files_max
        self.at, self.fd = (), os.dup(self.root)  # where the last one was: the next is mostly there too

    def folder(self, parts):
        """Opened, through no link; made where the archive has not named it before what is in it."""
        if parts == self.at:
            return self.fd
        fd = os.dup(self.root)
        for part in parts:
            above = fd
            try:
                try:
                    fd = os.open(part, FOLDER, dir_fd=above)
                except FileNotFoundError:
                    self.count(0)
                    os.mkdir(part, 0o755, dir_fd=above)
                    fd = os.open(part, FOLDER, dir_fd=above)
            except NotADirectoryError:
                raise Problem("%r is no folder, and something is said to be in it" % "/".join(parts)[:200]) from None
            finally:
                os.close(above)
        os.close(self.fd)
        self.at, self.fd = parts, fd
        return fd

    def count(self, size):
        self.files_left -= 1
        self.bytes_left -= -(-size // BLOCK) * BLOCK
        if self.files_left < 0:
            raise Problem("it has more than %d files and folders" % self.files_max)
        if self.bytes_left < 0:
            raise Problem("it takes more than the %d MiB that there are for it" % (self.bytes_max // MIB))

    def add_file(self, archive, member, name, fd):
        content = archive.extractfile(member)
        file = os.open(name, NEW_FILE, 0o755 if member.mode & 0o111 else 0o644, dir_fd=fd)
        try:
            while chunk := content.read(CHUNK):
                while chunk:
                    chunk = chunk[os.write(file, chunk):]
            try:
                os.utime(file, (member.mtime, member.mtime))
            except (OverflowError, ValueError):
                pass  # a time that is none
        finally:
            os.close(file)

    def add_folder(self, name, fd):
        try:
            os.mkdir(name, 0o755, dir_fd=fd)
        except FileExistsError:
            os.close(os.open(name, FOLDER, dir_fd=fd))  # which it is, or else an error

    def add_hard_link(self, member, name, fd):
        *above, old = parts_of(member.linkname) or ("", )
        held = os.dup(fd)  # the next line moves on
        try:
            os.link(old, name, src_dir_fd=self.folder(tuple(above)), dst_dir_fd=held, follow_symlinks=False)
        finally:
            os.close(held)

    def add(self, archive, member):
        *above, name = parts_of(member.name) or ("", )
        self.count(member.size if member.isreg() else 0)
        if name == "" or member.ischr() or member.isblk() or member.isfifo():
            return
        fd = self.folder(tuple(above))
        try:
            if member.isdir():
                self.add_folder(name, fd)
            elif member.issym():
                os.symlink(member.linkname, name, dir_fd=fd)
            elif member.islnk():
                self.add_hard_link(member, name, fd)
            elif member.isreg():
                self.add_file(archive, member, name, fd)
            else:
                raise Problem("%r is of a kind %r that is not known" % (member.name[:200], member.type))
        except FileExistsError:
            raise Problem("%r is there twice" % member.name[:200]) from None

    def close(self):
        os.close(self.fd)
        os.close(self.root)


def read_rest(stream):
    """tarfile ends silently at a header that is none, and at the end of a stream that was cut. A whole one ends with zeros, at least one block more."""
    size = 0
    while chunk := stream.read(STREAM):
        size += len(chunk)
        if chunk.count(0) != len(chunk):
            size = 0
            break
    if size < tarfile.BLOCKSIZE:
        raise Problem("the archive is not whole")


def unpack(stream, folder, bytes_max, files_max):
    os.umask(0o022)
    unpacker = Unpacker(folder, bytes_max, files_max)
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=STREAM) as archive:
            while (member := archive.next()) is not None:
                unpacker.add(archive, member)
                archive.members.clear()  # it would keep them all
            read_rest(archive.fileobj)
        if unpacker.files_left == files_max:
            raise Problem("there is nothing in it")
    finally:
        unpacker.close()


def main(words, stream):
    """None, or why not."""
    try:
        unpack(stream, words[0], int(words[1]), int(words[2]))
    except MemoryError:
        return "it is no archive: it wants more memory than there is"
    except (Problem, OSError, ValueError, tarfile.TarError) as problem:
        return str(problem)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdin.buffer))
