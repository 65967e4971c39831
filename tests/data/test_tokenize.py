"""tagmates.data.tokenize: the treebank's words on fixed examples, and properties that hold for any text."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import tried

from tagmates.data.formats.records import words_in_record
from tagmates.data.tokenize import Token, known_marks, sentences_of, split_sentences, tokenize

# Raw text, and its words between spaces.
RAW = [
    ("Prices fell sharply.", "Prices fell sharply ."),
    ("I don't, can't and won't; it's Bob's.", "I do n't , ca n't and wo n't ; it 's Bob 's ."),
    ("DON'T! I'd've said we cannot.", "DO N'T ! I 'd 've said we can not ."),
    ("The dogs' bowls aren't theirs'.", "The dogs ' bowls are n't theirs ' ."),
    ("You're gonna say 'tis o'clock.", "You 're gon na say 't is o'clock ."),
    ("'Tis '90s rock 'n' roll, get 'em.", "'T is '90s rock 'n' roll , get 'em ."),
    ("It's Dr. Lee, Ph.D., of Foo Inc., e.g. at 9 a.m.", "It 's Dr. Lee , Ph.D. , of Foo Inc. , e.g. at 9 a.m."),
    ("J. R. Lee met Ms. Ng (the U.S. envoy).", "J. R. Lee met Ms. Ng ( the U.S. envoy ) ."),
    ("We chose plan B.", "We chose plan B ."),
    ("See No. 5, not no. Yes, no.", "See No. 5 , not no . Yes , no ."),
    ("1. Open vol. 2 in 1990.", "1. Open vol. 2 in 1990 ."),
    ("A non-U.S. firm's U.S.-based INC. lost", "A non-U.S. firm 's U.S.-based INC. lost"),
    ("It rose 5.25% to $1,000.50 (US$5, £3) at 10:30.", "It rose 5.25 % to $ 1,000.50 ( US$ 5 , £ 3 ) at 10:30 ."),
    ("A 20%-owned, state-of-the-art and/or 3-4 -5", "A 20%-owned , state-of-the-art and/or 3-4 -5"),
    ("AT&T's R&D: salt & pepper", "AT&T 's R&D : salt & pepper"),
    ("Well... he--no—she [1] {2} <3>?!", "Well ... he -- no — she [ 1 ] { 2 } < 3 > ?!"),
    ("See https://a.org/b_(c)?d=1,2&e, or www.b.com.", "See https://a.org/b_(c)?d=1,2&e , or www.b.com ."),
    ("Mail <j.doe+x@mail.example.org>.", "Mail < j.doe+x@mail.example.org > ."),
    ("@ann #topic #1 :-) great😀👍🏽 ❤️ <3", "@ann #topic # 1 :-) great 😀👍🏽 ❤️ <3"),
    ("Naïve nai\u0308ve שלום עולם नमस्ते 東京", "Naïve nai\u0308ve שלום עולם नमस्ते 東 京"),
    ("¿Qué? «Oui», 5'10\" tall .5 .NET", "¿ Qué ? « Oui » , 5'10 '' tall .5 .NET"),
    ('"Go," he said, "now."', "`` Go , '' he said , `` now . ''"),
    ("He said, \"It's 'fine'.\"", "He said , `` It 's ` fine ' . ''"),
    ('("a")--"b"/"c"', "( `` a '' ) -- `` b '' / `` c ''"),
    ("“Don’t!” she said, ‘maybe’.", "`` Do n't ! '' she said , ` maybe ' ."),
    ('" Go now . " said " she', "`` Go now . '' said `` she"),
]
SPLIT = [
    ["It rained.", "We left!", "Why?", "So…", "Who knows..."],
    ["Mr. Smith and Gen. Lee left.", "They sang."],
    ['"Really?" he asked.', '"Yes!"', "(Or so.)", "Fine."],
    ["He lives in the U.S.", "The rest moved.", "The U.S. Senate met."],
    ["J. R. Lee of Foo Inc. Boston paid.", "It was plan B.", "He agreed."],
    ["Look at No. 5.", "I said no.", "Bob left."],
    ["1. Open the box.", "2. Close it in 1990.", "Rest."],
    ["i went... and left. it was 3.5 miles to a.b.com, e.g. far."],
    ["He left . ''", "She ( too . )", "`` Go . ''", "End ."],
    ['" He left . "', '" She stayed . "'],
]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("我爱北京天安门。你好！", ["我 爱 北 京 天 安 门 。", "你 好 ！"]),
        ("「元気です。」とタローは言う。はい", ["「 元 気 で す 。 」", "と タ ロ ー は 言 う 。", "は い"]),
        ("iPhone手机在3月5日，价格是$5.00。", ["iPhone 手 机 在 3 月 5 日 ， 价 格 是 $ 5.00 。"]),
        ("《红楼梦》、U.S.的", ["《 红 楼 梦 》 、 U.S. 的"]),
        ("か\u3099く葛\U000e0100", ["か\u3099 く 葛\U000e0100"]),
        ("Tokyo (東京) isn't big.", ["Tokyo ( 東 京 ) is n't big ."]),
        ("한국어는 다르다。 네", ["한국어는 다르다 。", "네"]),
    ],
)
def test_chinese_and_japanese_characters_are_words(text: str, sentences: list[str]) -> None:
    assert [" ".join(token.text for token in words) for words in sentences_of(text)] == sentences


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("„Ja“, sagte er.", "`` Ja '' , sagte er ."),
        ("Er sagt „Ja“ und „Nein“.", "Er sagt `` Ja '' und `` Nein '' ."),
        ("“Yes” „Ja” “no”", "`` Yes '' `` Ja '' `` no ''"),
        ("Er sagt ‚ja‘ und „‚nein‘ “.", "Er sagt ` ja ' und `` ` nein ' '' ."),
        ("‘Yes’ ‚ja‘ ‘no’", "` Yes ' ` ja ' ` no '"),
    ],
)
def test_a_low_quote_is_closed_by_the_next(text: str, words: str) -> None:
    assert [token.text for token in tokenize(text)] == words.split()


@pytest.mark.parametrize(
    ("known", "text", "words"),
    [
        ("\" 's", '"Yes" isn\'t Anna’s', "\" Yes \" is n't Anna 's"),
        ('"', "“Yes” and „Ja“", '" Yes " and " Ja "'),
        ("`` '' \"", '"Yes"', '" Yes "'),
        ('`` "', "“Yes”", '`` Yes "'),
        ("„ “ ’s", '"Ja" „Ja“ Anna\'s', "„ Ja “ „ Ja “ Anna ’s"),
        ("“ ” ’", "\"Yes\" 'no'", "“ Yes ” ’ no ’"),
        ("-lrb- -rrb-", "(a) [b]", "-LRB- a -RRB- [ b ]"),
        ("( -lrb-", "(a)", "( a )"),
        ("n’t", "Don't DON’T", "Do n’t DO N’T"),
        ("other", '"Yes" isn’t (a)', "`` Yes '' is n't ( a )"),
    ],
)
def test_marks_are_written_as_a_tagger_knows_them(known: str, text: str, words: str) -> None:
    marks = known_marks(known.split())
    tokens = tokenize(text, marks)
    assert " ".join(token.text for token in tokens) == words
    assert [(token.start, token.end) for token in tokens] == [(token.start, token.end) for token in tokenize(text)]
    assert sentences_of(text, marks) == [tokens]


def test_the_words_of_a_record_stay_and_those_of_its_text_get_the_marks() -> None:
    marks = known_marks(["-lrb-", '"'])
    words = [{"text": "(", "start": 0, "end": 1}, {"text": "a", "start": 1, "end": 2}]
    for record, expected in (({"x": "(“a”"}, ["-LRB-", '"', "a", '"']), ({"x": words}, ["(", "a"])):
        (sentence,) = words_in_record(record, "x", "f:1", marks)
        assert [getattr(word, "text", word) for word in sentence] == expected
    assert words_in_record({"x": ["(", "a"]}, "x", "f:1", marks) == [("(", "a")]


def test_chinese_words_between_spaces_stay() -> None:
    words = "北京 大学 的 学生 们 来 了 。"
    assert [token.text for token in tokenize(words)] == words.split()


@pytest.mark.parametrize(("text", "words"), RAW)
def test_words(text: str, words: str) -> None:
    assert [token.text for token in tokenize(text)] == words.split()


@pytest.mark.parametrize(
    "words", [words for _, words in RAW] + ["Prices fell to C$ 5 .", "I `` do n't '' -LRB- x -RRB- 's ."]
)
def test_words_between_spaces_stay(words: str) -> None:
    assert [token.text for token in tokenize(words)] == words.split()


def test_offsets_point_at_the_original_characters() -> None:
    assert tokenize(' "can’t"') == [
        Token("``", 1, 2),
        Token("ca", 2, 4),
        Token("n't", 4, 7),
        Token("''", 7, 8),
    ]


@pytest.mark.parametrize("sentences", SPLIT)
@pytest.mark.parametrize("space", [" ", "\n", "\r\n\t", "\n \n"])
def test_sentences(sentences: list[str], space: str) -> None:
    text = space.join(sentences)
    assert [text[start:end] for start, end in split_sentences(text)] == sentences


def test_other_scripts_end_sentences_too() -> None:
    """With an Arabic question mark, an Urdu full stop, a danda."""
    for end in "؟۔।॥":
        assert [[token.text for token in sentence] for sentence in sentences_of(f"ب{end} ب")] == [["ب", end], ["ب"]]


def test_a_blank_line_ends_a_sentence_and_a_single_newline_does_not() -> None:
    text = "\n A title\nin two lines\n\t\r\n and a text\n"
    assert [text[start:end] for start, end in split_sentences(text)] == ["A title\nin two lines", "and a text"]


def test_offsets_are_those_of_the_whole_text() -> None:
    text = 'Hi!\n\n"It\'s me."  Bye.'
    assert [[text[t.start : t.end] for t in words] for words in sentences_of(text)] == [
        ["Hi", "!"],
        ['"', "It", "'s", "me", ".", '"'],
        ["Bye", "."],
    ]


@pytest.mark.parametrize("text", ["", " \n\n\t", "\u2028\u00a0"])
def test_text_without_words(text: str) -> None:
    assert not tokenize(text) and not split_sentences(text) and not sentences_of(text)


PIECES = """a A I 's ' ’ “ ” " `` . .. ... , : ; - -- / & @ # % $ US$ 1 No Mr Inc U.S n't cannot http:// www. <3 :) ( )
    \u0301 \u200d \ufe0f \0 é 。 ſ İ 😀"""
pieces = st.sampled_from([*PIECES.split(), " ", "\n", "\n\n", "\r\n", "\x85", "\u2028", "\x1c"])
texts = st.text(max_size=40) | st.lists(pieces, max_size=25).map("".join)


def covers(tokens: list[Token], text: str) -> bool:
    """Whether the tokens are in order, apart, not empty, and leave out white space and nothing else."""
    end, rest = 0, []
    for token in tokens:
        if not end <= token.start < token.end <= len(text) or any(map(str.isspace, text[token.start : token.end])):
            return False
        rest.append(text[end : token.start])
        end = token.end
    return all(gap == "" or gap.isspace() for gap in [*rest, text[end:]])


@given(text=texts)
@example(text="\ud800.'s")
def test_any_text_is_covered_once(text: str) -> None:
    assert covers(tokenize(text), text)
    assert covers([token for words in sentences_of(text) for token in words], text)
    assert all(token.text for token in tokenize(text))


@given(text=texts)
def test_only_quotation_marks_change(text: str) -> None:
    for token in tokenize(text):
        source = text[token.start : token.end]
        assert token.text == source or set(source) & set("\"'“”„‟‘’‚")


@given(text=texts)
def test_sentences_are_trimmed_and_whole(text: str) -> None:
    for (start, end), words in zip(split_sentences(text), sentences_of(text), strict=True):
        assert (words[0].start, words[-1].end) == (start, end)
        assert "\n\n" not in text[start:end]


@given(
    words=st.lists(st.from_regex(r"[a-z]{2,8}", fullmatch=True), min_size=1, max_size=6), mark=st.sampled_from(".!?")
)
def test_ordinary_words_between_spaces_stay(words: list[str], mark: str) -> None:
    tokens = ["The", *(f"x{word}" for word in words), mark]
    assert [token.text for token in tokenize(" ".join(tokens))] == tokens
    assert [token.text for token in tokenize(" ".join(tokens[:-1]) + mark)] == tokens


UNITS = [
    "a",
    "a.",
    "A. ",
    "No. ",
    "'s",
    "n't",
    "a'",
    "-",
    "a--",
    ".",
    "! ",
    "!a",
    "a/",
    "a@",
    "a.b@c.",
    "1,",
    "www.",
    " :((x",
    "東",
    "東 ",
    "a。",
]


@pytest.mark.parametrize("unit", [*UNITS, '"', "((", " \n"])
@pytest.mark.parametrize("ending", [pytest.param("", marks=pytest.mark.slow), "!x"])
def test_long_texts_that_are_hard_to_match_are_covered_whole(unit: str, ending: str) -> None:
    """A matcher that backtracks would take minutes for one of them."""
    is_covered_whole(unit * (50_000 // len(unit)) + ending)


@pytest.mark.slow
@pytest.mark.parametrize("unit", [*UNITS, '"', "((", " \n", "http://", "'’", "a%-", "<3", "😀\u200d", "&", "İ", "1. "])
def test_a_megabyte_that_is_hard_to_match_is_covered_whole(unit: str) -> None:
    is_covered_whole(unit * (2**20 // len(unit)) + "!x")


@pytest.mark.slow
@settings(max_examples=tried(300))
@given(unit=st.lists(pieces, min_size=1, max_size=5).map("".join), ending=texts)
def test_whatever_is_repeated_is_covered_whole(unit: str, ending: str) -> None:
    is_covered_whole(unit * (20_000 // len(unit)) + ending)


def is_covered_whole(text: str) -> None:
    for tokens in (tokenize(text), [token for sentence in sentences_of(text) for token in sentence]):
        assert "".join(text[token.start : token.end] for token in tokens) == "".join(text.split())
