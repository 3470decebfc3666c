"""`mecai demo`: the product's own parts on loopback, as any user, without nginx, systemd or a lab.

`scene` makes authorities, certificates and settings in a folder; `household` runs what serves, each process on a
`leash` that ends it with this one; `servers` says who they are: `services` are the applications that gunicorn runs,
`stapler` is the sidecar; `story` shows what vouchers are for. Everything that decides anything is the product's.

A voucher is for a port below 1024 (docs/spec O10, ADR 0029), and no user but root may open one. So these VASes look at
port 443 of 127.0.0.1 where the demonstration's site listens, as behind a router that leads one port to another
(`services`). No setting of a VAS does this, and no other address can be looked at so (ADR 0061).
"""
