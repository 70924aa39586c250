"""Writes logistic.json, metrics.json, classic.json and support_vectors.json: what scikit-learn, numpy and librosa give.

Run with scikit-learn, scipy, librosa and numpy installed:  python tests/golden/evaluate.py
"""

import itertools
import json
import warnings
from pathlib import Path

import librosa
import numpy as np
import scipy
import sklearn
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

HERE = Path(__file__).parent
VERSIONS = f"scikit-learn {sklearn.__version__}, scipy {scipy.__version__}, librosa {librosa.__version__}, numpy {np.__version__}"


def write(name, content):
    text = json.dumps({"versions": VERSIONS, **content}, separators=(",", ":"))
    (HERE / name).write_text(text + "\n")


def logistic_case(rng, name, items, dim, classes, c, rank=None):
    scales = np.geomspace(1, 0.05, dim)
    values = rng.normal(size=(items, rank or dim))
    if rank:
        values = values @ rng.normal(size=(rank, dim))
    labels = rng.permutation(np.arange(items) % classes)
    centres = rng.normal(size=(classes, dim))
    values = ((values + centres[labels]) * scales + 0.5).round(3).astype(np.float32)
    fitted = LogisticRegression(C=c, tol=1e-12, max_iter=100_000, solver="newton-cg")
    fitted.fit(values.astype(np.float64), labels)
    return {
        "name": name,
        "c": c,
        "dim": dim,
        "classes": classes,
        "values": values.ravel().astype(float).round(3).tolist(),
        "labels": labels.tolist(),
        "weights": fitted.coef_.tolist(),
        "intercepts": fitted.intercept_.tolist(),
    }


def metrics_case(rng, name, classes, clips, true_classes, predicted_classes):
    truth = rng.choice(true_classes, clips)
    right = rng.random(clips) < 0.6
    predicted = np.where(right & np.isin(truth, predicted_classes), truth, rng.choice(predicted_classes, clips))
    labels = list(range(classes))
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=0
    )
    return {
        "name": name,
        "classes": classes,
        "truth": truth.tolist(),
        "predicted": predicted.tolist(),
        "confusion": metrics.confusion_matrix(truth, predicted, labels=labels).tolist(),
        "accuracy": metrics.accuracy_score(truth, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, predicted),
        "macro_f1": metrics.f1_score(truth, predicted, average="macro", zero_division=0),
        "weighted_precision": metrics.precision_score(
            truth, predicted, labels=labels, average="weighted", zero_division=0
        ),
        "precision": precision.tolist(),
        "recall": recall.tolist(),
        "f1": f1.tolist(),
    }


def tags_case(rng, name, clips, digits, rate):
    """One class of several-label data: scores rounded to so many digits, for ties."""
    truth = rng.random(clips) < rate
    scores = (rng.normal(size=clips) + truth).round(digits)
    both = truth.any() and not truth.all()
    auc = metrics.roc_auc_score(truth, scores) if both else None
    return {
        "name": name,
        "truth": truth.tolist(),
        "scores": scores.tolist(),
        "average_precision": metrics.average_precision_score(truth, scores) if truth.any() else None,
        "roc_auc": auc,
        "d_prime": np.sqrt(2) * scipy.stats.norm.ppf(auc) if both and 0 < auc < 1 else None,
    }


def mcnemar_case(first, second):
    p_value = scipy.stats.binomtest(first, first + second).pvalue if first + second else 1.0
    return {"only": [first, second], "p_value": p_value}


def permutation_case(rng, clips, largest):
    gains = rng.integers(-largest, largest + 1, clips)
    signs = np.array(list(itertools.product([-1, 1], repeat=clips)))
    p_value = np.mean(np.abs(signs @ gains) >= abs(gains.sum()))
    return {"gains": gains.tolist(), "p_value": p_value}


def classic(rng):
    mfcc = rng.normal(scale=10, size=(3, 14)).round(2)  # [coefficients, frames]
    first = librosa.feature.delta(mfcc, width=9, mode="nearest")
    second = librosa.feature.delta(first, width=9, mode="nearest")
    rows = [f(s, axis=1) for s in (mfcc, first, second) for f in (np.mean, np.std, np.min, np.max)]
    return {"bands": 3, "frames": mfcc.T.ravel().tolist(), "statistics": np.concatenate(rows).tolist()}


def support_vectors_case(rng, name, items, dim, classes, c):
    """Values are standardised by the first two thirds, which train; the last third is asked."""
    labels = np.arange(items) % classes
    values = rng.normal(size=(items, dim)) + 0.8 * rng.normal(size=(classes, dim))[labels]
    training = 2 * items // 3
    values -= values[:training].mean(axis=0)
    values = (values / values[:training].std(axis=0)).round(4)
    fitted = SVC(C=c, gamma=1 / dim, tol=1e-9, decision_function_shape="ovo")
    fitted.fit(values[:training], labels[:training])
    decisions = fitted.decision_function(values[training:]).reshape(items - training, -1)
    return {
        "name": name,
        "c": c,
        "dim": dim,
        "values": values.ravel().tolist(),
        "labels": labels.tolist(),
        "training": training,
        # [queries][pairs], above 0 is the second class of the pair.
        "sides": (decisions if classes == 2 else -decisions).tolist(),
    }


def main():
    rng = np.random.default_rng(7)
    logistic = [
        logistic_case(rng, "more clips than dimensions", 40, 5, 3, 1.0),
        logistic_case(rng, "more dimensions than clips", 18, 30, 4, 0.1),
        logistic_case(rng, "strong penalty", 30, 6, 3, 1e-4),
        logistic_case(rng, "weak penalty", 60, 3, 4, 100.0),
        logistic_case(rng, "dependent dimensions", 24, 12, 3, 1.0, rank=4),
    ]
    write("logistic.json", {"cases": logistic})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes that occur only among predictions
        cases = [
            metrics_case(rng, "all classes", 5, 80, [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]),
            metrics_case(rng, "a class without clips", 5, 60, [0, 1, 3, 4], [0, 1, 2, 3, 4]),
            metrics_case(rng, "a class never predicted", 4, 40, [0, 1, 2, 3], [0, 1, 3]),
            metrics_case(rng, "a class neither there nor predicted", 4, 40, [0, 1, 3], [0, 1, 3]),
            metrics_case(rng, "one clip", 3, 1, [1], [2]),
        ]
    tags = [
        tags_case(rng, "all scores differ", 200, 6, 0.3),
        tags_case(rng, "many ties", 200, 0, 0.3),
        tags_case(rng, "rare", 300, 3, 0.01),
        tags_case(rng, "never there", 20, 3, 0.0),
        tags_case(rng, "always there", 20, 3, 1.0),
        tags_case(rng, "one clip", 1, 3, 1.0),
    ]
    mcnemar = [mcnemar_case(*only) for only in [(0, 0), (0, 1), (3, 9), (10, 10), (40, 61), (5, 200)]]
    permutation = [permutation_case(rng, clips, largest) for clips, largest in [(1, 3), (7, 1), (12, 6), (16, 9)]]
    write("metrics.json", {"cases": cases, "tags": tags, "mcnemar": mcnemar, "permutation": permutation})
    write("classic.json", classic(rng))
    machines = [
        support_vectors_case(rng, "two classes", 60, 4, 2, 1.0),
        support_vectors_case(rng, "weak penalty", 90, 6, 3, 100.0),
        support_vectors_case(rng, "more dimensions than clips", 24, 40, 4, 10.0),
    ]
    write("support_vectors.json", {"cases": machines})


main()
