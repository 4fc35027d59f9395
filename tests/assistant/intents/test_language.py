"""The language of a message, in which it is answered."""

import pytest

from assistant.intents.language import language_of
from training.corpus import LANGUAGES, phrases

RIGHT_AT_LEAST = 0.93


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("why does my call fail?", "en"),
        ("401", "en"),
        ("", "en"),
        ("req_0199c0de4af2", "en"),
        ("[key kd_Ab3d…]", "en"),
        ('curl -H "Authorization: [key kd_Ab3d…]" https://gw.example.com/v1/x', "en"),
        ("Warum geht mein Schlüssel nicht?", "de"),
        ("401 seit heute, warum?", "de"),
        ("pourquoi ma clé ne marche pas ?", "fr"),
        ("qu'est-ce que c'est ?", "fr"),
        ("¿por qué no funciona mi clave?", "es"),
        ("por que minha chave não funciona?", "pt"),
        ("Vazou no GitHub, o robô deles me avisou por email. Corro risco? Como troco rápido?", "pt"),
        ("APIキーが使えません", "ja"),
        ("401エラーです", "ja"),
        ("密钥不能用了", "zh"),
        ("为什么返回 401 Unauthorized?", "zh"),
        ("почему ключ не работает?", "other"),
        ("왜 키가 작동하지 않나요?", "other"),
        ("لماذا لا يعمل المفتاح؟", "other"),
        ("dlaczego mój klucz nie działa?", "other"),
        ("perché la mia chiave non funziona?", "other"),
        ("waarom werkt mijn sleutel niet?", "other"),
    ],
)
def test_a_language_is_known_by_its_letters_and_common_words(text: str, language: str) -> None:
    """Codes, ids and pasted requests are ignored; the default is English."""
    assert language_of(text) == language


_PASTED = """2026-03-02 02:00:11 ERROR upstream answered with a status that is not what we expected
2026-03-02 02:00:12 WARN  the request will be sent again in 30 seconds
2026-03-02 02:00:42 ERROR giving up on this job because there is no key in the request
During handling of the above exception, another exception occurred:
{"detail": "This installation does not know this key. Check that it was copied in full and that it is yours."}"""


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Warum kommt das seit heute nicht mehr durch?", "de"),
        ("Depuis ce matin je reçois ça, pourquoi ?", "fr"),
        ("¿Por qué me sale esto desde ayer?", "es"),
        ("Por que isso aparece desde ontem? Não mudei nada.", "pt"),
        ("今朝からこうなります", "ja"),
        ("从今天早上开始就这样", "zh"),
        ("Why do I get this since yesterday?", "en"),
    ],
)
@pytest.mark.parametrize("order", ["{said}\n\n{pasted}", "{pasted}\n\n{said}", "{pasted}\n{said}\n{pasted}"])
def test_pasted_english_does_not_hide_the_language_of_the_person(text: str, language: str, order: str) -> None:
    """Programs write English to everybody. A line that is clearly in another language decides."""
    assert language_of(order.format(said=text, pasted=_PASTED)) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Our app says: Zugriff verweigert (401).\nDo I have to buy the licence again? What does it mean?", "en"),
        ("Key names:\n- die\n- los\n- des\nWhich one is for the agent?", "en"),
    ],
)
def test_a_few_foreign_words_do_not_make_a_language(text: str, language: str) -> None:
    """Names and short quotations are in English messages too."""
    assert language_of(text) == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_nearly_all_phrases_of_a_language_are_known_as_such(language: str) -> None:
    """A few words belong to several languages."""
    texts = [said.text for said in phrases() if said.language == language]

    right = [text for text in texts if language_of(text) == language]

    assert len(right) >= RIGHT_AT_LEAST * len(texts)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Müller can't sign in", "en"),
        ("Zoë needs admin rights", "en"),
        ("José says that calls fail", "en"),
        ("Größe des Kontingents", "de"),
        ("Der Schlüssel von José ist ungültig", "de"),
        ("Änderung am Schlüssel?", "de"),
    ],
)
def test_a_name_does_not_decide_the_language(text: str, language: str) -> None:
    """Letters of a language count only in words that are certainly no names."""
    assert language_of(text) == language
