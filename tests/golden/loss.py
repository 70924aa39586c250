"""Golden values of the losses, in fp64, from PyTorch. Writes loss.json beside itself."""

import itertools
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


def info_nce(queries, keys, queue, temperature):
    """Query by query: the right key against it and all of the queue."""
    losses = []
    for query, key in zip(queries, keys):
        candidates = torch.cat([key[None], queue])
        logits = F.cosine_similarity(query[None], candidates, dim=1) / temperature
        losses.append(torch.logsumexp(logits, 0) - logits[0])
    return torch.stack(losses).mean()


def nce(data, noise):
    """The classifier of data and noise, as a binary cross entropy on its logit ln p - ln(k p_n)."""
    k = noise.shape[1]
    logits = torch.cat([data[:, None], noise], dim=1) - torch.log(torch.tensor(k, dtype=torch.float64))
    targets = torch.zeros_like(logits)
    targets[:, 0] = 1
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="sum") / len(data)


def npid_exponentials(features, memory_rows, temperature):
    v = F.normalize(features, dim=1)
    return torch.exp(torch.einsum("bd,brd->br", v, memory_rows) / temperature)


def npid_nce(features, memory_rows, items, normaliser, temperature):
    p = npid_exponentials(features, memory_rows, temperature) / normaliser
    m = memory_rows.shape[1] - 1
    noise = m / items
    h = p[:, 0] / (p[:, 0] + noise + 1e-7)
    not_h = noise / (p[:, 1:] + noise + 1e-7)
    return -(h.log().sum() + not_h.log().sum()) / len(features)


def npid_softmax(features, memory, indices, temperature):
    logits = F.normalize(features, dim=1) @ memory.T / temperature
    return F.nll_loss(torch.log_softmax(logits, dim=1), torch.tensor(indices))


def cola(similarities):
    return -torch.diagonal(torch.log_softmax(similarities, dim=1)).mean()


def sinkhorn(scores, epsilon, iterations):
    """The paper's listing, in shares; Q is [prototypes, batch]."""
    with torch.no_grad():
        q = torch.exp((scores - scores.max()) / epsilon).T
        prototypes, batch = q.shape
        q = q / q.sum()
        for _ in range(iterations):
            q = q / q.sum(dim=1, keepdim=True) / prototypes
            q = q / q.sum(dim=0, keepdim=True) / batch
        return (q * batch).T


def swapped_prediction(views, epsilon, iterations, temperature):
    total = 0
    for coded in range(2):
        codes = sinkhorn(views[coded], epsilon, iterations)
        others = [view for index, view in enumerate(views) if index != coded]
        # F.cross_entropy takes probabilities as targets as well.
        losses = [F.cross_entropy(view / temperature, codes) for view in others]
        total = total + sum(losses) / len(losses)
    return total / 2


def k_means(points, clusters, iterations):
    centroids = points[:clusters]
    for _ in range(iterations):
        squared = ((points[:, None] - centroids[None]) ** 2).sum(dim=2)
        labels = squared.argmin(dim=1)
        members = [points[labels == cluster] for cluster in range(clusters)]
        centroids = torch.stack([rows.sum(dim=0) / max(len(rows), 1) for rows in members])
    return centroids, labels


def cld_group(first, second, clusters, iterations, temperature):
    first, second = F.normalize(first, dim=1), F.normalize(second, dim=1)
    total = 0
    for view, other in [(first, second), (second, first)]:
        centroids, labels = k_means(other, clusters, iterations)
        total = total + F.cross_entropy(view @ centroids.T / temperature, labels)
    return total / 2


def contrastive(embeddings, labels, margin, form):
    """Pair by pair."""
    losses = []
    for i, j in itertools.combinations(range(len(labels)), 2):
        distance = (embeddings[i] - embeddings[j]).norm()
        cost = distance if labels[i] == labels[j] else F.relu(margin - distance)
        losses.append(cost**2 if form == "squared" else cost)
    return torch.stack(losses).mean()


def triplet(anchors, positives, negatives, margin):
    near = F.pairwise_distance(anchors, positives, eps=0) ** 2
    far = F.pairwise_distance(anchors, negatives, eps=0) ** 2
    return F.relu(near - far + margin).mean()


def lifted_structure(embeddings, labels, margin):
    """Pair by pair, with the negatives of both ends."""
    def distance(i, j):
        return (embeddings[i] - embeddings[j]).norm()

    losses = []
    for i, j in itertools.combinations(range(len(labels)), 2):
        if labels[i] != labels[j]:
            continue
        negatives = [k for k in range(len(labels)) if labels[k] != labels[i]]
        terms = [margin - distance(end, k) for end in (i, j) for k in negatives]
        losses.append(F.relu(torch.logsumexp(torch.stack(terms), 0) + distance(i, j)) ** 2)
    return torch.stack(losses).sum() / (2 * len(losses))


def n_pair(anchors, positives, penalty):
    losses = []
    for i, anchor in enumerate(anchors):
        difference = [anchor @ (positives[j] - positives[i]) for j in range(len(anchors)) if j != i]
        losses.append(torch.log1p(torch.stack(difference).exp().sum()))
    lengths = (anchors.norm(dim=1) ** 2).mean() + (positives.norm(dim=1) ** 2).mean()
    return torch.stack(losses).mean() + penalty * lengths / 2


def rows(*shape):
    return (torch.randn(*shape, dtype=torch.float64) * 1000).round().div(1000)


def with_gradients(loss, **inputs):
    leaves = {name: value.clone().requires_grad_() for name, value in inputs.items()}
    value = loss(**leaves)
    value.backward()
    return value.item(), {name: leaf.grad.tolist() for name, leaf in leaves.items()}


def case(loss, inputs, **settings):
    """One entry: the inputs, what else the loss takes, its value and its gradients by the inputs."""
    value, gradients = with_gradients(lambda **leaves: loss(**leaves, **settings), **inputs)
    numbers = {
        name: given.tolist() if torch.is_tensor(given) else given
        for name, given in (inputs | settings).items()
    }
    return numbers | {"loss": value} | {f"grad_{name}": grad for name, grad in gradients.items()}


def of_pairs_and_banks():
    """The losses of rows that belong together by their place."""
    golden = {"info_nce": [], "nce": [], "npid_nce": [], "npid_softmax": []}
    golden |= {"cola_bilinear": [], "cola_cosine": []}
    for batch, dim, entries, temperature in [(2, 3, 4, 0.5), (4, 5, 9, 0.2), (3, 8, 16, 0.07)]:
        inputs = {"queries": rows(batch, dim), "keys": rows(batch, dim)}
        golden["info_nce"].append(
            case(info_nce, inputs, queue=rows(entries, dim), temperature=temperature)
        )
    for items, k in [(3, 1), (4, 5)]:
        golden["nce"].append(case(nce, {"data": rows(items) * 3, "noise": rows(items, k) * 3}))
    for batch, m, dim, items, temperature in [(2, 3, 4, 10, 0.4), (4, 6, 5, 50, 0.2)]:
        inputs = {"features": rows(batch, dim)}
        memory_rows = F.normalize(rows(batch, 1 + m, dim), dim=2)
        mean = npid_exponentials(inputs["features"], memory_rows, temperature).mean()
        settings = {"items": items, "normaliser": items * mean.item(), "temperature": temperature}
        golden["npid_nce"].append(case(npid_nce, inputs, memory_rows=memory_rows, **settings))
    for batch, dim, items, temperature in [(2, 4, 3, 0.4), (4, 5, 12, 0.1)]:
        memory = F.normalize(rows(items, dim), dim=1)
        indices = [(5 * clip + 1) % items for clip in range(batch)]
        settings = {"memory": memory, "indices": indices, "temperature": temperature}
        golden["npid_softmax"].append(case(npid_softmax, {"features": rows(batch, dim)}, **settings))
    for batch, dim, temperature in [(2, 3, 0.2), (5, 4, 0.1)]:
        inputs = {"anchors": rows(batch, dim), "w": rows(dim, dim), "positives": rows(batch, dim)}
        golden["cola_bilinear"].append(
            case(
                lambda anchors, w, positives: cola(
                    torch.einsum("id,de,je->ij", anchors, w, positives)
                ),
                inputs,
            )
        )
        del inputs["w"]
        golden["cola_cosine"].append(
            case(
                lambda anchors, positives, temperature: cola(
                    F.cosine_similarity(anchors[:, None], positives[None], dim=2) / temperature
                ),
                inputs,
                temperature=temperature,
            )
        )
    return golden


def of_clusters():
    golden = {"sinkhorn": [], "swapped_prediction": [], "cld_group": []}
    for batch, prototypes, epsilon, iterations in [(4, 3, 0.5, 3), (6, 5, 0.05, 3), (5, 2, 1.0, 1)]:
        scores = rows(batch, prototypes) / 4
        golden["sinkhorn"].append(
            {
                "scores": scores.tolist(),
                "epsilon": epsilon,
                "iterations": iterations,
                "codes": sinkhorn(scores, epsilon, iterations).tolist(),
            }
        )
    for views, epsilon in [(2, 0.05), (4, 0.3)]:
        names = ["first", "second", "third", "fourth"][:views]
        inputs = {name: rows(5, 4) / 4 for name in names}
        settings = {"epsilon": epsilon, "iterations": 3, "temperature": 0.1}
        golden["swapped_prediction"].append(
            {"views": views}
            | case(
                lambda epsilon, iterations, temperature, **scores: swapped_prediction(
                    list(scores.values()), epsilon, iterations, temperature
                ),
                inputs,
                **settings,
            )
        )
    for batch, dim, clusters, iterations in [(4, 3, 2, 1), (10, 4, 3, 5), (9, 5, 6, 2)]:
        inputs = {"first": rows(batch, dim), "second": rows(batch, dim)}
        settings = {"clusters": clusters, "iterations": iterations, "temperature": 0.2}
        golden["cld_group"].append(case(cld_group, inputs, **settings))
    return golden


def of_distances():
    golden = {"contrastive": [], "triplet": [], "lifted_structure": [], "n_pair": []}
    for labels in [[0, 1, 0, 1], [3, 3, 3, 1, 1, 8, 1]]:
        for form, margin in [("squared", 2.0), ("linear", 3.0)]:
            inputs = {"embeddings": rows(len(labels), 3)}
            settings = {"labels": labels, "margin": margin, "form": form}
            golden["contrastive"].append(case(contrastive, inputs, **settings))
        inputs = {"embeddings": rows(len(labels), 3)}
        golden["lifted_structure"].append(
            case(lifted_structure, inputs, labels=labels, margin=1.0)
        )
    for triplets, dim, margin in [(3, 2, 0.2), (6, 5, 1.0)]:
        inputs = {name: rows(triplets, dim) for name in ["anchors", "positives", "negatives"]}
        golden["triplet"].append(case(triplet, inputs, margin=margin))
    for pairs, dim, penalty in [(2, 3, 0.002), (5, 4, 0.1)]:
        inputs = {"anchors": rows(pairs, dim), "positives": rows(pairs, dim)}
        golden["n_pair"].append(case(n_pair, inputs, penalty=penalty))
    return golden


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
    golden |= of_pairs_and_banks() | of_clusters() | of_distances()
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
