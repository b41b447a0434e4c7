"""The holder's side: the server that phones ask, a reference phone, and pictures of it.

`wallet_api.app.make_app` is the server: OpenID4VCI with tokens bound to keys
(`wallet_api.protocol`), the holder's own API (`wallet_api.own`), and the web wallet.
What phones may do is decided in `issuer.holding`; here is only how they ask.
"""
