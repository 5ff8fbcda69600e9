"""scikit-learn's own models, made ready for rows of features: what networks are compared with.

The CBSA paper (section 4.2) fixes the support vector regressor: penalty C of 1, a Gaussian kernel,
66 as random seed. The papers name no settings for the others, which therefore have scikit-learn's
defaults, and C, kernel and seed where these apply.

The functions return scikit-learn's pipelines. `chordmer.models.classic_estimators` has estimators
that fit these and keep what they learned as arrays, so that they can be saved without pickle.
"""

from __future__ import annotations

from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

__all__ = ["decision_tree", "linear_regression", "random_forest", "svm", "svr"]

#: The CBSA paper's.
SEED = 66


def svm(*, C: float = 1.0, n_folds: int = 5) -> Pipeline:
    """Return a support vector machine with a Gaussian kernel, on standardised features.

    Parameters
    ----------
    C : float, default 1.0
        Penalty. The paper's, for regression.
    n_folds : int, default 5
        Of the cross-validation whose decision values teach a logistic curve a class what
        probabilities are (Platt's method). Every class needs so many samples.

    Returns
    -------
    Pipeline
        Classifies, with `predict_proba`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> bool(svm().fit(X, y).score(X, y) > 0.95)
    True
    """
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=SEED)
    machine = CalibratedClassifierCV(SVC(C=C, kernel="rbf"), cv=folds, ensemble=False)
    return make_pipeline(StandardScaler(), machine)


def decision_tree(*, random_state: int = SEED) -> Pipeline:
    """Return a decision tree, on standardised features, which change nothing for a tree.

    Parameters
    ----------
    random_state : int, default 66
        Decides between splits that are equally good.

    Returns
    -------
    Pipeline
        Classifies, with `predict_proba`: the shares of the classes in a leaf.
    """
    return make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=random_state))


def random_forest(*, n_estimators: int = 100, random_state: int = SEED) -> Pipeline:
    """Return a forest of decision trees, each on its own draw of samples and features.

    Parameters
    ----------
    n_estimators : int, default 100
        Trees.
    random_state : int, default 66

    Returns
    -------
    Pipeline
        Classifies, with `predict_proba`: the mean over the trees.
    """
    forest = RandomForestClassifier(n_estimators=n_estimators, random_state=random_state)
    return make_pipeline(StandardScaler(), forest)


def linear_regression() -> Pipeline:
    """Return a least-squares regression of any number of targets; "MLR" in the paper's Table 3.

    Returns
    -------
    Pipeline
        Predicts numbers, as many as `y` has columns.
    """
    return make_pipeline(StandardScaler(), LinearRegression())


def svr(*, C: float = 1.0, n_targets: int = 1) -> Pipeline:
    """Return the support vector regressor of the paper, on standardised features.

    Its seed of 66 is of no use here, since scikit-learn's solver draws nothing. The kernel's
    bandwidth is not in the paper; gamma is "scale", one over the number of standardised features.

    Parameters
    ----------
    C : float, default 1.0
        Penalty; equation 4. Targets are not standardised: the paper's lie in [0, 1], and
        `epsilon`, within which an error costs nothing (equation 3), is scikit-learn's 0.1.
    n_targets : int, default 1
        Columns of `y`. With more than 1, as for valence and arousal, a regressor is fitted to each.

    Returns
    -------
    Pipeline
        Predicts numbers.

    Raises
    ------
    ValueError
        If `n_targets` is below 1.
    """
    if n_targets < 1:
        raise ValueError(f"n_targets must be at least 1, not {n_targets}")
    machine = SVR(C=C, kernel="rbf")
    head = machine if n_targets == 1 else MultiOutputRegressor(machine)
    return make_pipeline(StandardScaler(), head)
