"""Machine readable zones printed in ICAO Doc 9303, eighth edition."""

TD1 = (
    "I<UTOD231458907<<<<<<<<<<<<<<<\n"
    "7408122F1204159UTO<<<<<<<<<<<6\n"
    "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"
)
"""Part 5, appendix B."""

TD2 = "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6"
"""Part 6, appendix B."""

TD3 = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\n"
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10"
)
"""Part 4, appendix B."""

TD1_LONG_NUMBER = (
    "I<UTOD23145890<7349<<<<<<<<<<<\n"
    "3407127M9507122UTO<<<<<<<<<<<2\n"
    "STEVENSON<<PETER<JOHN<<<<<<<<<"
)
"""Part 11, appendix D, section D.2."""

TD2_LONG_NUMBER = (
    "I<UTOSTEVENSON<<PETER<JOHN<<<<<<<<<<\nD23145890<UTO3407127M95071227349<<<8"
)
"""Part 11, appendix D, section D.2."""

ALL = {
    "TD1": TD1,
    "TD2": TD2,
    "TD3": TD3,
    "TD1_LONG_NUMBER": TD1_LONG_NUMBER,
    "TD2_LONG_NUMBER": TD2_LONG_NUMBER,
}
