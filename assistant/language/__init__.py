"""
The sentences of answers, in seven languages.

A sentence is written once, in English, where it is needed; `text` has the functions. It is kept as a `Text`, and turned
into a string only when the answer is written, in the answer's language:

    say("The key {key} was deleted on {day}.", key=named(key), day=Day(at))
    counted("{count} request was refused.", "{count} requests were refused.", number)

- Write whole sentences. A translator must be able to move every word, so never join parts of a sentence, and never put
  a noun or a verb into a slot. If a part is optional, write two sentences, with and without it.
- A slot is a name, an address or an id (a string, kept as it is), a number (an int), a `Day`, a `Moment`, a `Listed`,
  or another `Text` that stands for a whole noun or sentence.
- If a sentence says a number with a noun, use `counted`: other languages change more of the sentence than the noun.
- If the same English words need two translations, use `say_in` with a word that tells them apart.
- The arguments must be literals, because they are extracted from the code.

Then run `make messages`, which writes the new sentences into `catalogs/*.po`, and translate them there. A sentence
without a translation is shown in English.
"""
