"""Creates a .torrent with libtorrent. Usage: libtorrent-create.py PATH OUT PIECE_LENGTH v1|hybrid|v2"""
import os
import sys

import libtorrent as lt

path, out, piece_length, form = sys.argv[1:]
flags = {"v1": lt.create_torrent.v1_only, "hybrid": 0, "v2": lt.create_torrent.v2_only}[form]
files = lt.file_storage()
lt.add_files(files, path)
maker = lt.create_torrent(files, int(piece_length), flags)
lt.set_piece_hashes(maker, os.path.dirname(path))
with open(out, "wb") as file:
    file.write(lt.bencode(maker.generate()))
