"""A libtorrent session over one torrent, for the tests and the bench: to share what DIR holds, or to fetch it there.

    libtorrent-peer.py seed TORRENT[,TORRENT...] DIR [PORT [BYTES-A-SECOND]] [POLICY]
                                    prints its port when it listens; ends when stdin does
    libtorrent-peer.py leech TORRENT DIR [ADDRESS] HOST:PORT... [POLICY]
                                    listens at ADDRESS; ends when everything is there

With "check" as the last argument a seed hashes its files first, so that it knows the hashes of blocks (BEP 52).

POLICY: require, require-rc4 or require-plaintext: no connection without encryption, and what follows its handshake.
"""
import sys

import libtorrent as lt

role, torrent, folder, *rest = sys.argv[1:]
checks = rest[-1:] == ["check"] and rest.pop() == "check"
policy = rest.pop() if rest and rest[-1].startswith("require") else None
port = int(rest[0]) if role == "seed" and rest else 0
rate = int(rest[1]) if role == "seed" and len(rest) > 1 else 0
own = rest.pop(0) if role == "leech" and rest and ":" not in rest[0] else "127.0.0.1"
alert = lt.alert.category_t
session = lt.session({
    "listen_interfaces": f"{own}:{port}",
    "announce_ip": own,
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    # TCP only, because tsdl, with which it is compared, has no uTP.
    "enable_outgoing_utp": False,
    "enable_incoming_utp": False,
    # All peers share 127.0.0.1.
    "allow_multiple_connections_per_ip": True,
    "unchoke_slots_limit": 100 if rate else 500,
    "connections_limit": 5000,
    "listen_queue_size": 500,
    "max_allowed_in_request_queue": 2000,
    "max_out_request_queue": 2000,
    "send_buffer_watermark": 3 << 20,
    "alert_mask": alert.status_notification | alert.error_notification | alert.storage_notification,
})
if role == "leech":
    # Encryption would make the comparison unfair to libtorrent.
    session.apply_settings({"out_enc_policy": int(lt.enc_policy.pe_disabled)})
if policy:
    levels = {"require": lt.enc_level.both, "require-rc4": lt.enc_level.rc4, "require-plaintext": lt.enc_level.plaintext}
    session.apply_settings({
        "in_enc_policy": int(lt.enc_policy.pe_forced),
        "out_enc_policy": int(lt.enc_policy.pe_forced),
        "allowed_enc_level": int(levels[policy]),
    })
if rate:
    # Limits do not apply to loopback until every address is in the peer class that they apply to.
    everyone = lt.ip_filter()
    everyone.add_rule("0.0.0.0", "255.255.255.255", 1 << int(lt.session.global_peer_class_id))
    session.set_peer_class_filter(everyone)
    session.apply_settings({"upload_rate_limit": rate})

for path in torrent.split(","):
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(path)
    params.save_path = folder
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    if role == "seed" and not checks:
        params.flags |= lt.torrent_flags.seed_mode
    handle = session.add_torrent(params)

if role == "seed":
    while checks and not handle.status().is_seeding:
        session.wait_for_alert(100)
        session.pop_alerts()
    print(session.listen_port(), flush=True)
    # The parent process closes this pipe, also by its exit.
    sys.stdin.read()
else:
    for peer in rest:
        host, port = peer.rsplit(":", 1)
        handle.connect_peer((host, int(port)))
    while not handle.status().is_seeding:
        session.wait_for_alert(1000)
        for event in session.pop_alerts():
            if isinstance(event, lt.torrent_error_alert | lt.file_error_alert):
                sys.exit(event.message())
