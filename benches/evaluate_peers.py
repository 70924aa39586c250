"""scikit-learn at the work of evaluate.rs: the same embeddings, folds and settings to choose from, all cores.

    python benches/evaluate_peers.py [DIM]

Prints one JSON line. One repetition: the linear probe takes minutes.
"""

import json
import sys
import time
import warnings

import numpy as np
import sklearn
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

CLIPS, CLASSES, FOLDS, SIGNAL = 2000, 50, 5, 0.3
DIM = int(sys.argv[1]) if len(sys.argv) > 1 else 512


def noise(count):
    """White noise within -1..=1, the same as in evaluate.rs."""
    values = np.empty(count, np.uint32)
    state = 1
    for n in range(count):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        values[n] = state
    return ((values >> 8) / 8388608.0 - 1.0).astype(np.float32)


def run(classifier, grid):
    for fold in range(FOLDS):
        training = folds != fold
        pipeline = make_pipeline(StandardScaler(), PCA(whiten=True), *classifier)
        inner = PredefinedSplit(folds[training])
        search = GridSearchCV(pipeline, grid, cv=inner, n_jobs=-1)
        search.fit(embeddings[training], labels[training])
        search.predict(embeddings[~training])


values = noise(CLASSES * DIM + CLIPS * DIM)
centres = values[: CLASSES * DIM].reshape(CLASSES, DIM)
labels = np.arange(CLIPS) % CLASSES
folds = np.arange(CLIPS) // CLASSES % FOLDS
embeddings = values[CLASSES * DIM :].reshape(CLIPS, DIM) + SIGNAL * centres[labels]
strengths = [10.0**decade / DIM for decade in range(-2, 5)]
warnings.simplefilter("ignore")  # a step limit that is reached
start = time.perf_counter()
run([LogisticRegression(max_iter=1000)], {"logisticregression__C": strengths})
run(
    [Normalizer(), KNeighborsClassifier(weights=lambda d: np.exp(-(d**2) / 2 / 0.2))],
    {"kneighborsclassifier__n_neighbors": [1, 2, 3, 5, 8, 12, 20, 35, 60, 100, 200]},
)
seconds = time.perf_counter() - start
name = f"linear probe and k-NN, nested, {CLIPS} clips of {DIM} dimensions, {FOLDS} folds"
print(json.dumps({"name": name, "unit": "s", "values": [seconds], "peer": f"scikit-learn {sklearn.__version__}"}))
