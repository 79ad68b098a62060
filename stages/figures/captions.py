"""What the page says of each group of claims, each figure and each metric; no number in it."""

TITLES = {  # of the claims' groups: what their ids begin with
    "p1": "Problem 1: logistic regression",
    "p2": "Problem 2: the linear SVM",
    "p3": "Problem 3: a boundary that is no line",
    "p4": "Problem 4: convexity",
    "p5": "Problem 5: the Kullback–Leibler divergence",
    "p6": "Problem 6: the network's gradient",
    "p7": "Problem 7: the two-layer network",
}
FIGURES = {  # under `plots`: the group, what it is, and what is to be seen in it
    "figure_1.png": (
        "p1",
        "Figure 1. Loss of logistic regression",
        "Loss, on a logarithmic axis, against epoch: appendices A and B with the spread of their"
        " runs, and NumPy and PyTorch under one protocol.",
    ),
    "figure_2a.png": (
        "p2",
        "Figure 2a. Loss of the linear SVM",
        "Loss against epoch: appendices C and D with the spread of their runs, and NumPy and"
        " PyTorch under one protocol, with the exact optimum.",
    ),
    "figure_2b.png": (
        "p2",
        "Figure 2b. Loss of logistic regression and of the SVM",
        "Loss against epoch for the two PyTorch programs, whose losses are on different scales.",
    ),
    "figure_3a.png": (
        "p3",
        "Figure 3a. The data of problem 3",
        "The two classes as points in the plane, and their signed distances from the hyperplanes"
        " that logistic regression and the SVM find on quadratic features.",
    ),
    "figure_3b.png": (
        "p3",
        "Figure 3b. Decision boundaries of problem 3",
        "The boundaries that appendix E draws through the points, and those found under the"
        " protocol.",
    ),
    "figure_divergence.png": (
        "p5",
        "The divergence between Bernoulli distributions",
        "The divergence from one Bernoulli distribution to another, over the unit square and along"
        " three of its rows, above Pinsker's bound.",
    ),
    "figure_4a.png": (
        "p7",
        "Figure 4a. The function that the network learns",
        "The data, the true function and what the network represents after more and more steps.",
    ),
    "figure_4b.png": (
        "p7",
        "Figure 4b. Loss of the network",
        "Loss against epoch: the report's program, and NumPy and PyTorch under one protocol.",
    ),
    "figure_sweep.png": (
        "sweep",
        "How each problem ends at many learning rates",
        "Objective less its optimum against the learning rate, four problems, with the rates that"
        " the report, the protocol and other authors use, and the shares of replicas that diverge"
        " and that separate the data.",
    ),
    "figure_survey.png": (
        "survey",
        "What each deviation of each program costs",
        "A grid of programs against deviations, each cost as a colour and as a number; the table"
        " that follows has the same numbers.",
    ),
}
RECORDED = {  # caption and alternative text of a recorded curve, by whether a recipe explains it
    True: (
        "The recorded curve {}, what explains it, and what it would have been",
        "The logged loss, and the bands of replicas of the best recipe and of the right program.",
    ),
    False: (
        "The recorded curve {}, and what the right program's would have been",
        "The logged loss, and the band of replicas of the right program.",
    ),
}
GLOSSARY = {  # of the metrics, where they are on the page
    "objective": "the stated objective on all examples, whatever the program minimised",
    "gap": "objective less its exact optimum, or its infimum where no optimum is attained",
    "sampled_loss": "mean over the epoch of the sampled example's loss before its update",
    "spread": "standard deviation of a run's sampled loss over the last tenth of its epochs",
    "accuracy": "share of the training examples on the right side",
    "fresh_accuracy": "share of examples that no run has seen on the right side",
    "margin": "smallest geometric margin, min y·z / ‖w‖",
    "rmse": "distance of the network from the true function over the whole interval",
    "kinks": "steps with y·z exactly at the hinge's kink, over all runs",
    "kinks_printed": "steps with z exactly there, which appendix D counts instead",
}
