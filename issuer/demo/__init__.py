"""Demonstration data: invented travellers in every state, for all economies.

* `issuer.demo.travellers` invents people; nobody real is meant.
* `issuer.demo.filling` writes their cases, cards and answers, as many as are asked for.
"""
