"""The three-letter codes that a passport can carry."""

from typing import Final

from issuer.scheme import Scheme

_ASSIGNED: Final = frozenset(
    """
    ABW AFG AGO AIA ALA ALB AND ARE ARG ARM ASM ATA ATF ATG AUS AUT AZE BDI BEL BEN
    BES BFA BGD BGR BHR BHS BIH BLM BLR BLZ BMU BOL BRA BRB BRN BTN BVT BWA CAF CAN
    CCK CHE CHL CHN CIV CMR COD COG COK COL COM CPV CRI CUB CUW CXR CYM CYP CZE DEU
    DJI DMA DNK DOM DZA ECU EGY ERI ESH ESP EST ETH FIN FJI FLK FRA FRO FSM GAB GBR
    GEO GGY GHA GIB GIN GLP GMB GNB GNQ GRC GRD GRL GTM GUF GUM GUY HKG HMD HND HRV
    HTI HUN IDN IMN IND IOT IRL IRN IRQ ISL ISR ITA JAM JEY JOR JPN KAZ KEN KGZ KHM
    KIR KNA KOR KWT LAO LBN LBR LBY LCA LIE LKA LSO LTU LUX LVA MAC MAF MAR MCO MDA
    MDG MDV MEX MHL MKD MLI MLT MMR MNE MNG MNP MOZ MRT MSR MTQ MUS MWI MYS MYT NAM
    NCL NER NFK NGA NIC NIU NLD NOR NPL NRU NZL OMN PAK PAN PCN PER PHL PLW PNG POL
    PRI PRK PRT PRY PSE PYF QAT REU ROU RUS RWA SAU SDN SEN SGP SGS SHN SJM SLB SLE
    SLV SMR SOM SPM SRB SSD STP SUR SVK SVN SWE SWZ SXM SYC SYR TCA TCD TGO THA TJK
    TKL TKM TLS TON TTO TUN TUR TUV TWN TZA UGA UKR UMI URY USA UZB VAT VCT VEN VGB
    VIR VNM VUT WLF WSM YEM ZAF ZMB ZWE
    """.split()  # noqa: SIM905  # a table is easier to compare with its source
)
"""ISO 3166-1 alpha-3, officially assigned."""

_DOCUMENTS_ONLY: Final = frozenset(
    """
    EUE GBD GBN GBO GBP GBS UNA UNK UNO XBA XCC XCE XCO XDC XEC XES XIM XMP XOM XPO
    XXA XXB XXC XXX
    """.split()  # noqa: SIM905  # a table is easier to compare with its source
)
"""Travel documents of organizations, of the stateless and of refugees, and kinds of
British nationality (ICAO Doc 9303, part 3, section 5)."""


def is_known_code(code: str, scheme: Scheme) -> bool:
    """Tell whether a passport can say this of its issuer or its holder's nationality.

    Codes that the scheme's file lists beside its economies
    (``other_nationalities``) are known too.

    Source: ISO 3166-1; ICAO Doc 9303, part 3, section 5.
    """
    return (
        code in _ASSIGNED
        or code in _DOCUMENTS_ONLY
        or code in scheme.economies
        or code in scheme.other_nationalities
    )
