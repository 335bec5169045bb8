"""Creates a .torrent with libtorrent. Usage: libtorrent-create.py PATH OUT PIECE_LENGTH v1|hybrid|v2 [attributes]"""
import os
import sys

import libtorrent as lt

path, out, piece_length, form = sys.argv[1:5]
flags = {"v1": lt.create_torrent.v1_only, "hybrid": 0, "v2": lt.create_torrent.v2_only}[form]
if sys.argv[5:] == ["attributes"]:
    flags |= lt.create_torrent.symlinks
parent = os.path.dirname(path)
files = lt.file_storage()


def add_sorted(name):
    """Adds files in the order of their names, as libtorrent itself does for v2 only."""
    full = os.path.join(parent, name)
    if os.path.isdir(full):
        for entry in sorted(os.listdir(full)):
            add_sorted(os.path.join(name, entry))
    else:
        files.add_file(name, os.path.getsize(full))


if sys.argv[5:] == ["attributes"]:
    lt.add_files(files, path, lambda _: True, lt.create_torrent.symlinks)
elif form == "v1":
    add_sorted(os.path.basename(path))
else:
    lt.add_files(files, path)
maker = lt.create_torrent(files, int(piece_length), flags)
lt.set_piece_hashes(maker, parent)
with open(out, "wb") as file:
    file.write(lt.bencode(maker.generate()))
