"""torchmetrics: numbers about predictions, added up over batches."""

import torch
import torchmetrics
from package_checks import show
from torchmetrics import functional as F

torch.manual_seed(6)
logits, target = torch.randn(40, 4), torch.randint(0, 4, (40,))
options = {"task": "multiclass", "num_classes": 4}
for name in ("Accuracy", "F1Score", "Precision", "Recall", "ConfusionMatrix", "AUROC",
             "CohenKappa", "MatthewsCorrCoef", "AveragePrecision"):  # fmt: skip
    metric = getattr(torchmetrics, name)(**options)
    for rows, labels in zip(logits.softmax(1).chunk(3), target.chunk(3), strict=True):
        metric.update(rows, labels)
    show(name, metric.compute())
    metric.reset()
    show(f"{name} again", metric(logits.softmax(1), target))
x, y = torch.randn(30), torch.randn(30)
for name in ("MeanSquaredError", "MeanAbsoluteError", "R2Score", "PearsonCorrCoef",
             "SpearmanCorrCoef", "ExplainedVariance", "CosineSimilarity"):  # fmt: skip
    metric = getattr(torchmetrics, name)()
    show(name, metric(x, y) if name != "CosineSimilarity" else metric(x[None], y[None]))
mean = torchmetrics.MeanMetric()
mean.update(x)
mean.update(3.0)
show("mean", mean.compute())
both = torchmetrics.MetricCollection([torchmetrics.MeanSquaredError(), torchmetrics.R2Score()])
show("collection", both(x, y))
show("state", sorted(both.state_dict()))
show("clone", both.clone(prefix="val_").compute())
show("ssim", F.image.structural_similarity_index_measure(torch.rand(2, 3, 16, 16),
                                                         torch.rand(2, 3, 16, 16)))  # fmt: skip
show("binary", F.classification.binary_auroc(torch.rand(20), torch.randint(0, 2, (20,))))
