"""Builds machine readable zones, independently of the code that reads them.

Fields are taken as printed: shorter ones are filled, longer ones are the
caller's mistake.  Source: ICAO Doc 9303, parts 4, 5 and 6, section 4.2.2.
"""


def check_digit(field: str) -> str:
    """Return the 7-3-1 check digit of ``field``."""
    values = [int(character.replace("<", "0"), 36) for character in field]
    sevens, threes, ones = sum(values[::3]), sum(values[1::3]), sum(values[2::3])
    return str((7 * sevens + 3 * threes + ones) % 10)


def fill(text: str, width: int) -> str:
    """Return ``text`` with fillers for spaces and up to ``width``."""
    filled = text.replace(" ", "<").ljust(width, "<")
    assert len(filled) == width, f"{text} is longer than {width}"
    return filled


def checked(text: str, width: int) -> str:
    """Return a filled field with its check digit."""
    return fill(text, width) + check_digit(fill(text, width))


def name_field(family: str, given: str, width: int) -> str:
    """Return both names, cut at the end if they are too long."""
    joined = f"{family}<<{given}" if given else family
    return fill(joined[:width].rstrip(), width)


def number_and_optional(number: str, optional: str, width: int) -> tuple[str, str]:
    """Return the number with its digit, and the optional data of TD1 and TD2."""
    if len(number) <= 9:
        return checked(number, 9), fill(optional, width)
    rest = f"{number[9:]}{check_digit(number)}<{optional}"
    return number[:9] + "<", fill(rest, width)


def build_td1(
    *,
    country: str,
    number: str,
    family_name: str,
    given_name: str,
    nationality: str,
    birthdate: str,
    sex: str,
    expiry: str,
    code: str = "I",
    optional: str = "",
    more_optional: str = "",
) -> str:
    """Return the three lines of a TD1 document, separated by newlines."""
    numbers, rest = number_and_optional(number, optional, 15)
    upper = fill(code, 2) + fill(country, 3) + numbers + rest
    dates = checked(birthdate, 6), checked(expiry, 6)
    last = fill(more_optional, 11)
    composite = check_digit(upper[5:] + dates[0] + dates[1] + last)
    middle = dates[0] + sex + dates[1] + fill(nationality, 3) + last + composite
    return "\n".join([upper, middle, name_field(family_name, given_name, 30)])


def build_td2(
    *,
    country: str,
    number: str,
    family_name: str,
    given_name: str,
    nationality: str,
    birthdate: str,
    sex: str,
    expiry: str,
    code: str = "I",
    optional: str = "",
) -> str:
    """Return the two lines of a TD2 document, separated by a newline."""
    names = name_field(family_name, given_name, 31)
    numbers, rest = number_and_optional(number, optional, 7)
    dates = checked(birthdate, 6), checked(expiry, 6)
    composite = check_digit(numbers + dates[0] + dates[1] + rest)
    lower = numbers + fill(nationality, 3) + dates[0] + sex + dates[1] + rest
    return f"{fill(code, 2)}{fill(country, 3)}{names}\n{lower}{composite}"


def build_td3(
    *,
    country: str,
    number: str,
    family_name: str,
    given_name: str,
    nationality: str,
    birthdate: str,
    sex: str,
    expiry: str,
    code: str = "P",
    personal_number: str = "",
) -> str:
    """Return the two lines of a passport, separated by a newline."""
    names = name_field(family_name, given_name, 39)
    numbers, personal = checked(number, 9), checked(personal_number, 14)
    dates = checked(birthdate, 6), checked(expiry, 6)
    composite = check_digit(numbers + dates[0] + dates[1] + personal)
    lower = numbers + fill(nationality, 3) + dates[0] + sex + dates[1] + personal
    return f"{fill(code, 2)}{fill(country, 3)}{names}\n{lower}{composite}"
