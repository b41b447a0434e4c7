"""What an economy answers to carriers: does one of its cards give an entry basis?

A carrier asks with a passport, a destination and a day; nobody shows a code. `register`
finds the cards that this economy has issued for the passport and lets the verifier
decide; `service` answers one, many or a passenger list, signs, and remembers what was
asked so that it can be asked again; `changes` tells carriers when an answer flips;
`fanout` asks several economies at once, for a carrier that does not know whose card it
is. It never says why, nothing of other destinations, and not whether there is a card.

docs/advance-passenger.md tells carriers how to ask.
"""
