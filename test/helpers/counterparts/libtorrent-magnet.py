"""A libtorrent session with nothing but a magnet link: prints how many bytes of metadata came, and ends.

    libtorrent-magnet.py LINK DIR HOST:PORT...
"""
import sys

import libtorrent as lt

link, folder, *peers = sys.argv[1:]
session = lt.session({
    "listen_interfaces": "127.0.0.1:0",
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_outgoing_utp": False,
    "enable_incoming_utp": False,
    "allow_multiple_connections_per_ip": True,
})
params = lt.parse_magnet_uri(link)
params.save_path = folder
params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
handle = session.add_torrent(params)
for peer in peers:
    host, port = peer.rsplit(":", 1)
    handle.connect_peer((host, int(port)))
while not handle.status().is_seeding:
    session.wait_for_alert(100)
    session.pop_alerts()
