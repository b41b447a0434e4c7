"""The one module that touches pydifact: text to segments, and back.

Of the library come its tokens, how they are put together, and how it writes. Its way
to read a whole interchange is left out on purpose: it looks for a service string advice
anywhere and drops what stands before it, so that a name could make a list disappear; it
wants a composite where a header has none; and it checks segments by tables of its own.
What its tokens pass over in silence, empty and unfinished segments, is counted here.
"""

from collections.abc import Iterator
from typing import NamedTuple, cast

from pydifact.control.characters import Characters
from pydifact.exceptions import EDISyntaxError
from pydifact.parser import Parser
from pydifact.segments import Segment as Written
from pydifact.serializer import Serializer
from pydifact.token import Token
from pydifact.tokenizer import Tokenizer

NO_RELEASE = "\0"
"""Stands for a release character where an interchange has none; no text holds it."""


def characters_of(advice: str) -> Characters:
    """Return the service characters of a service string advice of six characters."""
    return Characters.from_str(f"UNA{advice}")


class TornError(ValueError):
    """The text ends inside a segment, or has an empty one."""

    def __init__(self, position: int, detail: str) -> None:
        super().__init__(detail)
        self.position = position


def split(text: str, advice: str) -> Iterator[list[str | list[str]]]:
    """Split text into segments: the tag, then elements, as text or lists of text.

    Raises:
        TornError: It is unfinished, or a segment is empty.
    """
    tokens = _Counted(text, advice)
    segments = Parser().convert_tokens_to_raw_segments(tokens)
    done = 0
    try:
        for segment in segments:
            done += 1
            if tokens.ended != done:
                raise TornError(done, "is empty")
            yield segment
    except EDISyntaxError as error:
        raise TornError(done + 1, "is not finished") from error
    if tokens.is_open or tokens.ended != done:
        raise TornError(done + 1, "is not finished")


class _Counted:
    """The library's tokens, and what it would not tell of them."""

    def __init__(self, text: str, advice: str) -> None:
        self._tokens = Tokenizer().get_tokens(text, characters_of(advice))
        self.ended = 0
        self.is_open = False

    def __iter__(self) -> Iterator[Token]:
        for token in self._tokens:
            self.is_open = token.type != Token.Type.TERMINATOR
            self.ended += not self.is_open
            yield token


def join(
    segments: Iterator[tuple[str, tuple[tuple[str, ...], ...]]], advice: str
) -> str:
    """Write segments behind their service string advice."""
    rows = [_Row(tag, [list(each) for each in elements]) for tag, elements in segments]
    # Its own segments would warn where one has a tag and nothing else.
    return Serializer(characters_of(advice)).serialize(cast("list[Written]", rows))


class _Row(NamedTuple):
    """What the library reads of a segment when it writes."""

    tag: str
    elements: list[list[str]]
