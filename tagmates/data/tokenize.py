"""Raw text → sentences → words as the Penn Treebank writes them, with their offsets.

One pattern says what a word is; two small rules then move its edges: a period stays with an abbreviation, and
contractions come apart (``do n't``, ``it 's``, ``can not``). Quotation marks become the treebank's `` and '', the
single ones ` and ', curly apostrophes straight ones; every other character stays as it is, and no character but white
space is lost. Text whose words already stand between spaces keeps those words.

A tagger may have learnt from words with other marks: straight or curly quotes, -LRB- for a bracket, ’s for 's. Given
the marks that it knows (``known_marks``), words are written with these.

Chinese and Japanese have no spaces between words: each of their characters is a word. ``。！？`` end their sentences.
"""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from string import whitespace


@dataclass(frozen=True, slots=True)
class Token:
    """A word; it stands for the characters ``start`` to ``end`` (exclusive) of the text, even where quotes differ."""

    text: str
    start: int
    end: int


def sentences_of(text: str, marks: Container[str] = ()) -> list[list[Token]]:
    """Return the words of each sentence; the offsets are those of the whole text. ``marks``: see ``with_marks``."""
    return [
        [Token(token.text, token.start + start, token.end + start) for token in _words_of(text[start:end], marks)]
        for start, end in split_sentences(text)
    ]


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Return start and end of each sentence, without the white space around it.

    A sentence ends at a blank line, and after ``. ! ? …`` with the closing quotes and brackets behind it (and a space,
    which ``。！？`` do not need), unless

    * the next word begins in lower case (``"Really?" he asked.``),
    * the period belongs to a title (``Mr. Smith``),
    * it belongs to another abbreviation, an initial or ``No.``, and the next word is not one of those that hardly ever
      follow these inside a sentence (``in the U.S. The``, but ``the U.S. Senate``),
    * the sentence would be a bare number (``1. Open the box.``).
    """
    return [span for start, end in _paragraphs(text) for span in _split_paragraph(text, start, end)]


def tokenize(text: str, marks: Container[str] = ()) -> list[Token]:
    """Return the words of one sentence, in order; together they cover everything but its white space.

    A period stands once in the words as in the text: a sentence that ends in ``the U.S.`` ends in the word ``U.S.``.
    ``marks``: see ``with_marks``.
    """
    return list(_words_of(text, marks))


def known_marks(words: Container[str]) -> frozenset[str]:
    """The marks, and clitics with an apostrophe, that these words (lower-cased) have, for ``with_marks``."""
    return frozenset(mark for mark in _MARKS if mark in words)


def with_marks(tokens: Iterable[Token], text: str, marks: Container[str]) -> Iterator[Token]:
    """Yield the words of a text, with those of ``marks`` in place of others that mean the same.

    A mark is written as in the text if ``marks`` has it so, else as the treebank writes it, else in another way that
    ``marks`` has. If it has none of them, the word stays as it is.
    """
    return (_with_mark(token, text, marks) for token in tokens) if marks else iter(tokens)


def _words_of(text: str, marks: Container[str]) -> Iterator[Token]:
    return with_marks(_tokens(text), text, marks)


def _with_mark(token: Token, text: str, marks: Container[str]) -> Token:
    if token.text not in _OTHER_WAYS and "'" not in token.text:
        return token
    ways = (text[token.start : token.end], token.text, *_OTHER_WAYS.get(token.text, ()), token.text.replace("'", "’"))
    found = next((way for way in ways if way.lower() in marks), token.text)
    return token if found == token.text else replace(token, text=found)


def _tokens(text: str) -> Iterator[Token]:
    before = Token("", 0, 0)
    by_character = not text.isascii() and _lacks_spaces(text)
    last = len(text.rstrip(_CLOSING + whitespace))  # a period at this end is the sentence's
    quoted = False  # whether a straight double quote is open
    awaited: set[str] = set()  # the closing quotes of open low ones, as in „Ja“
    end = 0
    for match in _WORD.finditer(text):
        if match.start() < end:  # the period that the word before has taken
            continue
        start, end = match.span()
        if match.lastgroup == "word":
            end += _owns_period(text, start, end, last)
            for before in _split_characters(text, start, end) if by_character else _split_contraction(text, start, end):
                yield before
        elif match.lastgroup == "mark":
            mark = _quotation_mark(text, start, before.text if before.end == start else "", quoted)
            quoted = mark == "``" if match[0] == '"' else quoted
            mark = _AFTER_LOW[match[0]] if match[0] in awaited else mark
            awaited -= {match[0], "“" if match[0] == "”" else ""}
            awaited |= {_LOW[match[0]]} if match[0] in _LOW else set()
            before = Token(mark, start, end)
            yield before
        else:
            before = Token(match[0], start, end)
            yield before


_CLOSING = "\"'”’»)]}」』）》"
_ENDS = (".", "!", "?", "…", "。", "！", "？", "؟", "۔", "।", "॥")
_OPENING = "\"'`“‘„«([{<¿¡*-—–"
_HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_VARIANT = "\u3099\u309a\ufe00-\ufe0f\U000e0100-\U000e01ef"  # marks that change the character before them
_APOSTROPHE = "['’]"
_EMOJI = "\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
_SPLIT = r".,:;!?…&@#%()\[\]{}<>\"'`“”„‟‘’‚«»‹›—―•¿¡、。，！？；：（）「」『』،؛؟۔।॥$¢£¤¥\u20a0-\u20cf"
_INNER_CHARACTER = rf"(?:[^\s{_SPLIT}{_EMOJI}-]|-(?!-))"  # a character of a word: any that no other rule takes
_CLITIC = rf"{_APOSTROPHE}(?:s|m|d|ll|re|ve|t|em|til|tis|twas|cause|bout|n{_APOSTROPHE}?|\d\ds?)(?!{_INNER_CHARACTER})"

_WORD = re.compile(
    rf"""
      (?P<sign>    (?:https?://|ftp://|www\.) [^\s<>"“”]* [^\s<>"“”.,:;!?…'’)\]}}]
                 | [\w.+-]{{1,64}} @ [\w-]{{1,63}} (?:\.[\w-]{{1,63}})+               # e-mail
                 | (?<!\S) (?: [:;=] ['-]? [()DPp/\\|\[\]]+ | <3+ ) (?!\S)          # :-)
                 | [@#] (?=[^\W\d]) \w+                                            # @name, #topic
                 | (?-i:[A-Z]{{0,3}}) \$+                                          # US$
                 | [{_EMOJI}] [{_EMOJI}\u200d\ufe0f\u20e3\U000e0020-\U000e007f]*
                 | \.{{2,}} | -{{2,}} | [—―]+ | [!?]+ | `` | '' )
    | (?P<word>    {_CLITIC}
                 | (?: (?<!\S) \. )? {_INNER_CHARACTER}++
                   (?: (?: [.&] | {_APOSTROPHE} | %(?=-) | (?<=\d) [,:] (?=\d) ) {_INNER_CHARACTER}++ )*+ )
    | (?P<mark>    ["'“”„‟‘’‚] )
    | \S
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SUFFIX = re.compile(rf"(?:n{_APOSTROPHE}t|{_APOSTROPHE}(?:[smd]|ll|re|ve))\Z", re.IGNORECASE)
_CONTRACTIONS = {
    "cannot": 3,
    "gonna": 3,
    "gotta": 3,
    "wanna": 3,
    "gimme": 3,
    "lemme": 3,
    "d'ye": 2,
    "'tis": 2,
    "'twas": 2,
}
_LOW = {"„": "“", "‚": "‘"}
_AFTER_LOW = {"“": "''", "‘": "'"}
_CURLY = {"“": "``", "„": "``", "‟": "``", "”": "''", "‘": "`", "‚": "`", "’": "'"}

_OTHER_WAYS = {
    "``": ('"', "„", "“", "«"),
    "''": ('"', "”", "“", "»"),
    "`": ("'", "‚", "‘", "’"),
    "'": ("’", "‘"),
    "(": ("-LRB-",),
    ")": ("-RRB-",),
    "[": ("-LSB-",),
    "]": ("-RSB-",),
    "{": ("-LCB-",),
    "}": ("-RCB-",),
}
_CLITICS = ("n't", "'s", "'m", "'d", "'ll", "'re", "'ve")
_MARKS = {
    *(way.lower() for mark, ways in _OTHER_WAYS.items() for way in (mark, *ways)),
    *(way for clitic in _CLITICS for way in (clitic, clitic.replace("'", "’"))),
}

_TITLE = re.compile(
    "Mrs?|mrs?|Ms|ms|Mx|Dr|dr|Prof|Messrs|Mmes?|Mlle|Gen|Col|Maj|Capt|Cmdr|Adm|Lt|Sgt|Cpl|Pvt|Brig|Gov|Sens?|Reps?|Rev"
    "|Hon|Pres|Supt|Fr"
)
_ABBREVIATION = re.compile(
    r"Inc|Corp|Cos?|Ltd|Bros|Jr|Sr|St|Ave|Blvd|Mt|Ft|Univ|Dept|Assn|Ph\.D|[BM]\.Sc|Jan|Feb|Aug|Sept?|Oct|Nov|Dec|Ala"
    "|Ariz|Ark|Calif|Colo|Conn|Del|Fla|Ga|Ill|Ind|Kan|Ky|La|Mass|Md|Mich|Minn|Mo|Mont|Neb|Nev|Okla|Ore|Pa|Penn|Tenn|Tex|Va|Vt"
    "|Wash|Wis|Wyo|vs?|etc|al|cf|ca|viz|approx|dept|est|ft|lbs?|oz|sq|hrs"
)
_NUMBERED = re.compile("[Nn]os?|[Ff]igs?|[Vv]ol|[Ss]ec|[Cc]h|[Aa]rt|pp?")  # abbreviations only before a number
_ACRONYM = re.compile(r"[^\W\d_](?:\.-?[^\W\d_])+")
_STARTER = re.compile(
    "(?:A|After|All|Although|An|And|As|At|But|For|He|Her|His|However|I|If|In|It|Its|Many|No|On|One|Our|She|Since|So"
    r"|Some|That|The|Their|Then|There|These|They|This|Those|Thus|To|We|What|When|While|Who|Why|You|Your)(?![\w.])"
)  # words that hardly ever follow an abbreviation inside a sentence

_CHARACTER = re.compile(f"[{_HAN}{_KANA}][{_VARIANT}]*+|[^{_HAN}{_KANA}]+")
_HAN_OR_KANA = re.compile(f"[{_HAN}{_KANA}]")
_SPACED = re.compile(rf"[{_HAN}{_KANA}]\s+(?=[{_HAN}{_KANA}])")
_BLANK_LINE = re.compile(r"\n\s*\n")
_CHUNK = re.compile(r"\S+")
_SPACELESS_CHUNK = re.compile(rf"[^\s。！？]*+[。！？]++[{re.escape(_CLOSING)}]*+|\S+")


def _owns_period(text: str, start: int, end: int, last: int) -> bool:
    """Whether the word has a period of its own behind it: ``Inc.``, ``J. Smith``, ``1. Open``, ``cont., ch. 2``."""
    if text[end : end + 1] != "." or text[end + 1 : end + 2] == ".":
        return False
    word, following = text[start:end], text[end + 1 : end + 9].lstrip()
    if _is_initial(word) or (start == 0 and word.isdigit()):
        return end + 1 < last
    return _is_abbreviation(word, following) or text[end + 1 : end + 2] in (",", ";", ":")


def _is_initial(word: str) -> bool:
    return len(word) == 1 and word.isupper()


def _is_title(word: str) -> bool:
    return _TITLE.fullmatch(word.capitalize() if word.isupper() else word) is not None


def _is_abbreviation(word: str, following: str) -> bool:
    word = word.rpartition("-")[2]  # "non-U.S."
    if _NUMBERED.fullmatch(word):
        return following[:1].isdigit()
    known = _ABBREVIATION.fullmatch(word.capitalize() if word.isupper() else word)
    return bool(known or _ACRONYM.fullmatch(word)) or _is_title(word)


def _lacks_spaces(text: str) -> bool:
    """Whether a sentence has Chinese or Japanese characters, with few spaces between them."""
    count = len(_HAN_OR_KANA.findall(text))
    return count > 4 * len(_SPACED.findall(text))


def _split_characters(text: str, start: int, end: int) -> Iterator[Token]:
    """Yield the Chinese and Japanese characters of a word, and what stands between them."""
    for match in _CHARACTER.finditer(text, start, end):
        if _HAN_OR_KANA.match(match[0]):
            yield Token(match[0], match.start(), match.end())
        else:
            yield from _split_contraction(text, match.start(), match.end())


def _split_contraction(text: str, start: int, end: int) -> Iterator[Token]:
    """Yield the parts of a word: one, or more where clitics (``'ll``, ``n't``) end it."""
    cuts = [end]
    while suffix := _SUFFIX.search(text, max(start + 1, cuts[-1] - 3), cuts[-1]):
        cuts.append(suffix.start())
    word = text[start:end].replace("’", "'")
    if fused := _CONTRACTIONS.get(word.lower()):
        cuts.append(start + fused)
    for left, right in pairwise([start, *reversed(cuts)]):
        yield Token(word[left - start : right - start], left, right)


def _quotation_mark(text: str, at: int, before: str, quoted: bool) -> str:
    """The treebank's mark for the one at ``at``; ``before`` is the word that touches it on the left, or ""."""
    if text[at] in _CURLY:
        return _CURLY[text[at]]
    after = text[at + 1 : at + 2].strip()
    opens = bool(after) and (not before or before[-1] in "`([{<«‹¿¡—–-/=")
    if text[at] == "'":
        return "`" if opens else "'"
    if not before and not after:  # it stands alone, as in text that is tokenised already
        opens = not quoted and at + 1 < len(text)
    return "``" if opens else "''"


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for blank in _BLANK_LINE.finditer(text):
        yield start, blank.start()
        start = blank.end()
    yield start, len(text)


def _split_paragraph(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    chunks = list((_CHUNK if text.isascii() else _SPACELESS_CHUNK).finditer(text, start, end))
    first, core, quoted = 0, "", False
    for index, chunk in enumerate(chunks):
        # closing marks that stand alone belong to the chunk before them
        core = chunk[0].rstrip(_CLOSING) or core
        quoted ^= chunk[0].count('"') % 2 == 1
        following = chunks[index + 1][0] if index + 1 < len(chunks) else ""
        if following and (_is_closing(following, quoted) or not _ends_sentence(core, following, first == index)):
            continue
        yield chunks[first].start(), chunk.end()
        first, core = index + 1, ""


def _is_closing(chunk: str, quoted: bool) -> bool:
    return not chunk.strip(_CLOSING) and (chunk != '"' or quoted)


def _ends_sentence(core: str, following: str, alone: bool) -> bool:
    """Whether a sentence ends between ``core``, a chunk without closing marks, and the chunk that follows it."""
    following = following.lstrip(_OPENING)
    if not core.endswith(_ENDS) or following[:1].islower():
        return False
    word = core[:-1].lstrip(_OPENING)
    if core[-1] != "." or word[-1:] in ("", "."):
        return True
    if _is_initial(word) or _is_abbreviation(word, following):
        return not _is_title(word) and _STARTER.match(following) is not None
    return not (alone and word.isdigit())
