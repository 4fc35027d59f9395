"""Which passwords are easy to guess, and the messages about them."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.refusals import InvalidInput
from keys.sign_in import weak_passwords
from keys.sign_in.passwords import new_one_time_password, valid_password
from keys.sign_in.weak_passwords import COMMON, EASY, EXAMPLE, KEY, PERSONAL, REPEATED, SEQUENCE, personal, weakness

WORDS = personal("ada.lovelace@analytical-engines.example", "Ada Lovelace", "Analytical Engines Ltd")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("aaaaaaaaaaaa", REPEATED),
        ("a" * 1000, REPEATED),
        ("abcabcabcabc", REPEATED),
        ("йййййййййййй", REPEATED),
        ("🔑" * 12, REPEATED),
        ("            ", REPEATED),
        ("passwordpassword", REPEATED),
        ("password12345", COMMON),
        ("P@ssw0rd1234", COMMON),
        ("iloveyou1234", COMMON),
        ("liverpool2024", COMMON),
        ("letmeinplease", COMMON),
        ("1q2w3e4r5t6y", COMMON),
        ("qwertyuiop12", COMMON),
        ("!@#$%^&*()_+", SEQUENCE),
        ("abcdefghijklmnop", SEQUENCE),
        ("christinejohnson", EASY),
        ("At least 12 characters", EXAMPLE),
        ("ada.lovelace@analytical-engines.example", PERSONAL),
        ("Ada.Lovelace", PERSONAL),
        ("adalovelace1", PERSONAL),
        ("Lovelace2026", PERSONAL),
        ("analyticalengines", PERSONAL),
        ("Analytical Engines Ltd", PERSONAL),
        ("Keydesk2026!", PERSONAL),
        ("keydesk keydesk", PERSONAL),
        ("Ada Lovelace Ada Lovelace 7", PERSONAL),
    ],
)
def test_what_is_easy_to_guess_is_refused_with_the_reason(password: str, why: str) -> None:
    """Wherever a password is set; the message says why, and what to choose."""
    assert weakness(password, WORDS) == why
    assert why == KEY or "Choose another" in why
    with pytest.raises(InvalidInput) as refused:
        valid_password(password, words=WORDS)
    assert refused.value.message == why
    assert password not in refused.value.message


@pytest.mark.parametrize(
    "password",
    [
        "a password of her own",
        "x9Kq2mVw8Lz4",
        "tide lantern copper vowel",
        "новый пароль для входа",
        "马到成功车水马龙一二三四五",
        "Ada's engine hums at dawn",
        "my_sixteen_letters_are_here",
    ],
)
def test_what_is_hard_to_guess_is_taken(password: str) -> None:
    """In every script, with words of the person's own, and without a rule for digits or capitals."""
    assert weakness(password, WORDS) is None


@pytest.mark.parametrize(
    "password",
    [
        "ｐａｓｓｗｏｒｄ１２３４",
        "𝐩𝐚𝐬𝐬𝐰𝐨𝐫𝐝𝟏𝟐𝟑𝟒",
        "Ⓟⓐⓢⓢⓦⓞⓡⓓ①②③④",
        "pássword12345",
        "p\u0323\u0301a\u0323ssword1234",
        "раsswоrd12345",
        "pαsswοrd12345",
        "p\u200ba\u200bs\u2060s\u200bw\u00adord1234",
        "ａｄａｌｏｖｅｌａｃｅ１",
        "ｄｅｍｏ－ｎｏｒａ－ｎｏｒｔｈｗｉｎｄ",
        "q\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309\u030a\u030b",
    ],
)
def test_other_forms_of_letters_make_a_password_no_harder_to_guess(password: str) -> None:
    """Attackers try full-width, accented, look-alike and invisible characters, too."""
    assert weakness(password, WORDS) is not None


@pytest.mark.parametrize(
    "password", ["पानीपरचलतीनावधीरे", "خانه‌های آبی کنار رود", "한국어비밀번호열두글자넘게", "việt nam mùa thu lá bay"]
)
def test_scripts_that_need_marks_keep_them(password: str) -> None:
    """Marks and joiners that languages need are not treated as a disguise."""
    assert weakness(password, WORDS) is None


def test_a_key_is_no_password() -> None:
    """It was pasted into the wrong field, and others have seen it."""
    assert weakness("kd_0123456789abcdef_" + "A1b2C3d4E5" * 4 + "xy") == KEY


def test_the_one_time_passwords_that_we_make_are_good() -> None:
    """A one-time password that the operator was given is accepted."""
    for _ in range(50):
        assert weakness(new_one_time_password().reveal(), WORDS) is None


@given(st.text(max_size=1024), st.lists(st.text(max_size=100), max_size=5))
def test_any_text_gets_an_answer(password: str, names: list[str]) -> None:
    """Half a surrogate pair is refused earlier, since it is not a text."""
    password = password.encode("utf-8", "replace").decode()
    names = [name.encode("utf-8", "replace").decode() for name in names]

    assert weakness(password, personal(*names)) in {None, REPEATED, COMMON, SEQUENCE, EASY, PERSONAL, KEY, EXAMPLE}


def test_symbols_that_stand_for_letters_do_not_multiply() -> None:
    """Expanding all of them in a long text would block the process for seconds: only four are expanded."""
    scored = weak_passwords._scored("4@8({[<36&9#!1/|0$5+7%2" * 40)

    assert len(scored) == weak_passwords.SCORED_AT_MOST
    assert len({each for each in scored if each in weak_passwords._LEET}) == 4


def test_the_lists_are_read_at_the_first_use() -> None:
    """The command line and the server start without them."""
    program = "import sys, app.cli; sys.exit('zxcvbn_rs_py' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
