"""A libtorrent session over one torrent that tells how it finds its peers, for the tests.

    libtorrent-finding.py seed|leech TORRENT DIR ADDRESS PORT [lsd] [HOST:PORT...]

Listens at ADDRESS, dials the peers named. Prints `listening PORT`, `incoming connection from HOST:PORT`, and `peer HOST:PORT SOURCES`
for each connection, where SOURCES are of dht, lsd, pex, tracker, or other. Ends when stdin does.
"""
import sys
import threading

import libtorrent as lt

role, torrent, folder, own, port, *rest = sys.argv[1:]
lsd = "lsd" in rest
peers = [peer for peer in rest if peer != "lsd"]
session = lt.session({
    "listen_interfaces": f"{own}:{port}",
    "outgoing_interfaces": own,
    "enable_dht": False,
    "enable_lsd": lsd,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_outgoing_utp": False,
    "enable_incoming_utp": False,
    "allow_multiple_connections_per_ip": True,
    "alert_mask": lt.alert.category_t.error_notification | lt.alert.category_t.peer_notification,
})
session.apply_settings({"out_enc_policy": int(lt.enc_policy.pe_disabled)})
params = lt.add_torrent_params()
params.ti = lt.torrent_info(torrent)
params.save_path = folder
params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
if role == "seed":
    params.flags |= lt.torrent_flags.seed_mode
handle = session.add_torrent(params)
for peer in peers:
    host, number = peer.rsplit(":", 1)
    handle.connect_peer((host, int(number)))
print(f"listening {session.listen_port()}", flush=True)

ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
NAMES = {"dht": lt.peer_info.dht, "lsd": lt.peer_info.lsd, "pex": lt.peer_info.pex, "tracker": lt.peer_info.tracker}
seen = set()
while not ended.wait(0.2):
    for event in session.pop_alerts():
        if isinstance(event, lt.incoming_connection_alert):
            print(event.message(), flush=True)
    for info in handle.get_peer_info():
        names = [name for name, flag in NAMES.items() if info.source & flag]
        host, number = info.ip
        line = f"peer {host}:{number} {','.join(names) or 'other'}"
        if line not in seen:
            seen.add(line)
            print(line, flush=True)
