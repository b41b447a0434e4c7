"""The economy registry of ``ABTC1:`` codes (specification, section 11)."""

CODES = (
    "AUS", "BRN", "CAN", "CHL", "CHN", "HKG", "IDN", "JPN", "KOR", "MEX", "MYS",
    "NZL", "PER", "PHL", "PNG", "RUS", "SGP", "THA", "TWN", "USA", "VNM",
)  # fmt: skip
"""Economy codes by number. Fixed: an economy that joins later is written as text."""

NUMBERS = {code: number for number, code in enumerate(CODES)}
"""Numbers by economy code."""
