from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.retrieval.sentences import MAX_SENTENCE_CHARACTERS, sentences_of

pytestmark = pytest.mark.unit


def _texts(text: str) -> list[str]:
    return [text[span.start : span.end] for span in sentences_of(text)]


def test_a_sentence_ends_at_a_stop_and_keeps_its_closing_quote() -> None:
    assert _texts('He said "stop." Then he left! Did he?') == ['He said "stop."', "Then he left!", "Did he?"]


def test_a_stop_inside_a_number_a_version_or_a_file_name_ends_nothing() -> None:
    assert _texts("Version 3.11.7 reads settings.py in 0.5 s.") == ["Version 3.11.7 reads settings.py in 0.5 s."]


@pytest.mark.parametrize("abbreviation", ["e.g.", "i.e.", "Dr.", "vs.", "Fig.", "J."])
def test_an_abbreviation_ends_nothing(abbreviation: str) -> None:
    text = f"Ask {abbreviation} Miller about it. He knows."
    assert _texts(text) == [f"Ask {abbreviation} Miller about it.", "He knows."]


def test_a_line_break_within_a_paragraph_stays_in_the_sentence() -> None:
    assert _texts("The ferry leaves\nat six. It is\npunctual.") == ["The ferry leaves\nat six.", "It is\npunctual."]


def test_headings_bullets_and_fences_are_not_part_of_a_sentence() -> None:
    text = "# Title\n\nIntro text\n- first item\n- second item\n1. numbered\n```\ncode\n```\n## Next\nAfter it."
    assert _texts(text) == ["Intro text", "first item", "second item", "numbered", "code", "After it."]


def test_a_page_break_ends_a_sentence() -> None:
    assert _texts("End of page one\n\f\nBeginning of page two") == ["End of page one", "Beginning of page two"]


def test_text_without_sentence_ends_is_cut_at_white_space() -> None:
    pieces = _texts("word " * 1000)
    assert all(len(piece) <= MAX_SENTENCE_CHARACTERS for piece in pieces)
    assert " ".join(pieces).split() == ["word"] * 1000


def test_a_word_longer_than_any_sentence_is_cut_and_nothing_is_lost() -> None:
    assert "".join(_texts("x" * 2000)) == "x" * 2000


@given(st.text(alphabet=st.sampled_from("aB .!?\n\f#-1`|\u3002\u201d"), max_size=300))
def test_sentences_are_trimmed_slices_in_order_for_any_text(text: str) -> None:
    position = 0
    for span in sentences_of(text):
        assert position <= span.start < span.end <= len(text)
        assert text[span.start : span.end] == text[span.start : span.end].strip()
        assert span.end - span.start <= MAX_SENTENCE_CHARACTERS
        position = span.end
