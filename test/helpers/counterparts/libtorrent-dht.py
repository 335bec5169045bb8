"""Libtorrent sessions as DHT nodes on loopback, for the tests.

    libtorrent-dht.py COUNT HOST:PORT INFO-HASH...
        COUNT sessions at 127.0.0.2, 127.0.0.3, ..., with a DHT that begins at HOST:PORT. The first has a torrent of the
        first INFO-HASH. Prints `node HOST:PORT` for each, and asks the last for peers of the others: for each that
        it learns of it prints `peer INFO-HASH HOST:PORT`. Ends when stdin does.
"""
import sys
import threading
import time

import libtorrent as lt

count, bootstrap, own, *others = sys.argv[1:]
sessions = []
for index in range(int(count)):
    host = f"127.0.0.{index + 2}"
    session = lt.session({
        "listen_interfaces": f"{host}:0",
        "dht_bootstrap_nodes": bootstrap,
        "enable_dht": True,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        # All nodes are on one machine, where ids do not match addresses.
        "dht_restrict_routing_ips": False,
        "dht_restrict_search_ips": False,
        "dht_enforce_node_id": False,
        "dht_prefer_verified_node_ids": False,
        "dht_ignore_dark_internet": False,
        "allow_multiple_connections_per_ip": True,
        "alert_mask": lt.alert.category_t.dht_notification | lt.alert.category_t.dht_operation_notification,
    })
    sessions.append(session)
    print(f"node {host}:{session.listen_port()}", flush=True)

params = lt.add_torrent_params()
params.info_hashes = lt.info_hash_t(lt.sha1_hash(bytes.fromhex(own)))
params.save_path = "/nonexistent"
params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
sessions[0].add_torrent(params)


def look():
    last = sessions[-1]
    seen = set()
    asked = 0.0
    while True:
        if time.monotonic() - asked > 1:
            asked = time.monotonic()
            for name in others:
                last.dht_get_peers(lt.sha1_hash(bytes.fromhex(name)))
        last.wait_for_alert(200)
        for alert in last.pop_alerts():
            if not isinstance(alert, lt.dht_get_peers_reply_alert):
                continue
            for host, port in alert.peers():
                line = f"peer {alert.info_hash} {host}:{port}"
                if line not in seen:
                    seen.add(line)
                    print(line, flush=True)


if others:
    threading.Thread(target=look, daemon=True).start()
sys.stdin.read()
