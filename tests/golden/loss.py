"""Golden values of the contrastive losses, in fp64, from PyTorch. Writes loss.json beside itself."""

import json
import pathlib

import torch
import torch.nn.functional as F


def nt_xent(first, second, temperature):
    z = F.normalize(torch.cat([first, second]), dim=1)
    rows = len(z)
    logits = z @ z.T / temperature
    logits = logits.masked_fill(torch.eye(rows, dtype=torch.bool), float("-inf"))
    return F.cross_entropy(logits, (torch.arange(rows) + len(first)) % rows)


def supervised_contrastive(projections, labels, temperature, denominator, reduction):
    """Anchor by anchor, as printed; cross entropy against each positive in turn."""
    z = F.normalize(projections, dim=1)
    losses = []
    for i in range(len(z)):
        others = torch.arange(len(z)) != i
        positives = torch.nonzero(others & (labels == labels[i]))[:, 0]
        candidates = others if denominator == "all-others" else labels != labels[i]
        if len(positives) == 0 or not candidates.any():
            continue
        logits = z @ z[i] / temperature
        bottom = torch.logsumexp(logits[candidates], 0)
        losses.append(-(logits[positives] - bottom).mean())
    losses = torch.stack(losses)
    return losses.mean() if reduction == "mean" else losses.sum()


def rows(*shape):
    return (torch.randn(*shape, dtype=torch.float64) * 1000).round().div(1000)


def with_gradients(loss, **inputs):
    leaves = {name: value.clone().requires_grad_() for name, value in inputs.items()}
    value = loss(**leaves)
    value.backward()
    return value.item(), {name: leaf.grad.tolist() for name, leaf in leaves.items()}


def main():
    torch.manual_seed(0)
    golden = {"versions": {"torch": torch.__version__}, "nt_xent": [], "supervised_contrastive": []}
    for batch, dim, temperature in [(2, 3, 0.5), (4, 5, 0.2), (5, 8, 0.06)]:
        first, second = rows(batch, dim), rows(batch, dim)
        value, gradients = with_gradients(
            lambda first, second: nt_xent(first, second, temperature), first=first, second=second
        )
        golden["nt_xent"].append(
            {
                "first": first.tolist(),
                "second": second.tolist(),
                "temperature": temperature,
                "loss": value,
                "grad_first": gradients["first"],
                "grad_second": gradients["second"],
            }
        )
    for labels in [[0, 1, 2, 0, 1, 2], [3, 3, 3, 1, 1, 8, 1]]:
        for denominator in ["all-others", "negatives-only"]:
            for reduction, temperature in [("mean", 0.06), ("sum", 0.5)]:
                projections = rows(len(labels), 4)
                value, gradients = with_gradients(
                    lambda projections: supervised_contrastive(
                        projections, torch.tensor(labels), temperature, denominator, reduction
                    ),
                    projections=projections,
                )
                golden["supervised_contrastive"].append(
                    {
                        "projections": projections.tolist(),
                        "labels": labels,
                        "temperature": temperature,
                        "denominator": denominator,
                        "reduction": reduction,
                        "loss": value,
                        "grad": gradients["projections"],
                    }
                )
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
