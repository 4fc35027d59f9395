"""
Mixes what words and meaning say, and chooses the probabilities from which readings are used.

Everything here is learned from messages that the judging models had not seen.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

SURE_WRONG_AT_MOST = 0.03
"""
The share of sure answers that may be wrong.

The threshold is chosen and measured with the same messages, so this is less than the 4 % that are the aim for others.
"""
TENTATIVE_RIGHT_FROM = 0.4
"""
How likely a tentative answer is to be right, at least.

It costs little if it is wrong, as the other readings are one click away. Below that, the person is asked.
"""
ASKED_AT_MOST = 0.12
"""The share of messages that may be asked back, where even half is not reached: most say enough."""
CAUSE_WRONG_AT_MOST = 0.12
_LEAST = 1e-9


class Judged(NamedTuple):
    """What models that had not seen some messages say of them: a row for each message, a column for each label."""

    by_words: np.ndarray
    by_meaning: np.ndarray
    by_rule: np.ndarray
    """Log-odds that rules add."""
    right: np.ndarray
    """Whether each label is right."""
    weight: np.ndarray
    """How much each message counts."""

    def probabilities(self, mix: Sequence[float]) -> np.ndarray:
        """The probabilities of the labels, with these weights of words and of meaning."""
        log_odds = mix[0] * self.by_words + mix[1] * self.by_meaning + self.by_rule
        shares = np.exp(log_odds - log_odds.max(axis=1, keepdims=True))
        found: np.ndarray = shares / shares.sum(axis=1, keepdims=True)
        return found


def mixed(judged: Judged) -> tuple[float, float]:
    """The weights of words and of meaning with which the judged messages surprise least."""

    def surprise(mix: Sequence[float]) -> float:
        likely = (judged.probabilities(mix) * judged.right).sum(axis=1)
        return float(-(np.log(likely + _LEAST) * judged.weight).sum() / judged.weight.sum())

    found = minimize(surprise, (0.5, 0.7), method="L-BFGS-B", bounds=((0.05, 3.0), (0.0, 3.0)))
    return round(float(found.x[0]), 3), round(float(found.x[1]), 3)


class Readings(NamedTuple):
    """The likeliest label of each message: how likely it is, whether it is right, and how much the message counts."""

    likely: np.ndarray
    is_right: np.ndarray
    weight: np.ndarray


def threshold(of: Readings, wrong_at_most: float) -> float:
    """The least probability from which at most this share of readings is wrong; 1 if there are none."""
    if not len(of.likely):
        return 1.0
    wrong = expected_wrong(of)
    most_first = np.argsort(-of.likely, kind="stable")
    weight = of.weight[most_first]
    share = np.cumsum(wrong[most_first] * weight) / np.cumsum(weight)
    return float(of.likely[most_first[np.flatnonzero(share < wrong_at_most).max(initial=0)]])


def tentative_threshold(of: Readings) -> float:
    """The probability from which an answer is tentative instead of a question."""
    most_first = np.argsort(-of.likely, kind="stable")
    answered = np.cumsum(of.weight[most_first]) / of.weight.sum()
    enough = of.likely[most_first[np.flatnonzero(answered >= 1 - ASKED_AT_MOST).min()]]
    as_likely_right = of.likely[expected_wrong(of) <= 1 - TENTATIVE_RIGHT_FROM].min()
    return float(min(enough, as_likely_right))


def expected_wrong(of: Readings) -> np.ndarray:
    """
    The probability that each reading is wrong, from a curve that is fitted to all of them.

    Because of the curve, no single message determines a threshold.
    """
    log_odds = np.log(np.clip(of.likely, 1e-6, 1 - 1e-6) / np.clip(1 - of.likely, 1e-6, 1))[:, np.newaxis]
    curve = LogisticRegression(C=1000.0).fit(log_odds, ~of.is_right, sample_weight=of.weight)
    found: np.ndarray = curve.predict_proba(log_odds)[:, 1]
    return found


def table(of: Readings, groups: Sequence[str], sure_from: float, tentative_from: float) -> str:
    """What becomes of the messages, with a line for each group: right at once, wrong when sure, asked back."""

    def line(name: str, here: np.ndarray) -> str:
        count = int(here.sum())

        def share(which: np.ndarray) -> float:
            return float((which & here).sum()) / max(1, count)

        sure, answered = of.likely >= sure_from, of.likely >= tentative_from
        wrong = share(sure & ~of.is_right) / max(1e-9, share(sure))
        return (
            f"{name:28} {count:5}  first {share(of.is_right):.3f}  at once {share(answered & of.is_right):.3f}"
            f"  sure {share(sure):.3f}  of these wrong {wrong:.3f}  asked {share(~answered):.3f}"
        )

    names = np.array(groups)
    return "\n".join(
        [*(line(name, names == name) for name in sorted(set(groups))), line("all", np.ones(len(names), bool))]
    )
