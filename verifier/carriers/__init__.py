"""Messages of carriers: UN/EDIFACT PAXLST and CUSRES (extra ``carriers``).

`read_paxlst` reads what a carrier sends to a government before arrival, so that each
traveller's passport can be asked about; `read_cusres` reads what a government answers.
`write_cusres` writes our answers as information beside such a response, and refuses the
codes that say who boards: those are the destination's own (`is_board_code`).

Everything that comes in is bounded and read strictly: by the size, the segments, the
characters that its syntax allows, the counts of its own trailers. What is not right is
an `EdifactError` that names the segment and the place in it, and none of its content.

Layers, each using none above: `paxlst` and `cusres` (what messages say), `envelope`
(what they travel in), `edifact` (characters and bounds), `_pydifact` (the library),
`moments` and `segments`.

Source: ISO 9735 (UN/EDIFACT syntax, versions 1 to 4); UN/EDIFACT directories D.02B and
D.05B; the public guides of WCO, IATA and ICAO for PAXLST and CUSRES in air transport.
"""

from ..errors import EdifactError, EdifactFault
from .cusres import (
    BOARD_CODES,
    CustomsResponse,
    Remark,
    ResponseKind,
    TravellerResponse,
    is_board_code,
    read_cusres,
    remark_of,
    write_cusres,
)
from .edifact import MAX_BYTES, MAX_SEGMENTS, Syntax
from .envelope import Envelope, MessageHeader
from .paxlst import (
    Leg,
    PassengerList,
    Stop,
    TravelDocument,
    Traveller,
    read_paxlst,
    write_paxlst,
)
from .segments import Segment

__all__ = [
    "BOARD_CODES",
    "MAX_BYTES",
    "MAX_SEGMENTS",
    "CustomsResponse",
    "EdifactError",
    "EdifactFault",
    "Envelope",
    "Leg",
    "MessageHeader",
    "PassengerList",
    "Remark",
    "ResponseKind",
    "Segment",
    "Stop",
    "Syntax",
    "TravelDocument",
    "Traveller",
    "TravellerResponse",
    "is_board_code",
    "read_cusres",
    "read_paxlst",
    "remark_of",
    "write_cusres",
    "write_paxlst",
]
