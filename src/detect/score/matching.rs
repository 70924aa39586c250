//! Which predicted event is which true one.

use crate::dataset::Span;

/// Intersection over union of two spans, `0..=1`; 0 if they do not overlap.
///
/// ```text
/// IoU(r, p) = (min(off_r, off_p) − max(on_r, on_p)) / (max(off_r, off_p) − min(on_r, on_p))
/// ```
pub(super) fn iou(a: Span, b: Span) -> f64 {
    let intersection = a.offset().min(b.offset()) - a.onset().max(b.onset());
    let union = a.offset().max(b.offset()) - a.onset().min(b.onset());
    if intersection > 0.0 {
        intersection / union
    } else {
        0.0
    }
}

/// Pairs as many predictions as possible with references whose [`iou`] with them is above `min_iou`, each at most once.
/// Gives the partner of every prediction.
///
/// Of several largest matchings it finds the one that the published metric finds: references are scanned in order for the
/// predictions that they may go with; these, in the order of their first mention, take the first reference that is still
/// free; then shortest chains of exchanges make room for the rest (Hopcroft & Karp 1973). Which predictions stay without
/// partner matters, as they may match an unknown event instead. Both lists sorted by onset.
pub(super) fn match_spans(
    references: &[Span],
    predictions: &[Span],
    min_iou: f64,
) -> Vec<Option<usize>> {
    let graph = Graph::new(references, predictions, min_iou);
    let mut matching = graph.greedy();
    while graph.improve(&mut matching) {}
    let mut partners = vec![None; predictions.len()];
    for (reference, node) in matching.iter().enumerate() {
        if let Some(node) = node {
            partners[graph.nodes[*node].prediction] = Some(reference);
        }
    }
    partners
}

/// A prediction that may go with at least one reference.
struct Node {
    prediction: usize,
    /// In order.
    references: Vec<usize>,
}

/// Who may go with whom.
struct Graph {
    /// In the order in which the references mention them.
    nodes: Vec<Node>,
    references: usize,
}

/// For every reference, the node it goes with.
type Matching = Vec<Option<usize>>;

impl Graph {
    fn new(references: &[Span], predictions: &[Span], min_iou: f64) -> Self {
        // Sorted by onset: once a prediction starts behind the reference, so do all that follow.
        let longest = predictions.iter().map(Span::secs).fold(0.0, f64::max);
        let mut nodes: Vec<Node> = Vec::new();
        let mut node_of = vec![None; predictions.len()];
        for (r, reference) in references.iter().enumerate() {
            let first = predictions.partition_point(|p| p.onset() + longest < reference.onset());
            let near = predictions.iter().enumerate().skip(first);
            for (p, prediction) in near.take_while(|(_, p)| p.onset() <= reference.offset()) {
                if iou(*reference, *prediction) <= min_iou {
                    continue;
                }
                let node = *node_of[p].get_or_insert_with(|| {
                    nodes.push(Node {
                        prediction: p,
                        references: Vec::new(),
                    });
                    nodes.len() - 1
                });
                nodes[node].references.push(r);
            }
        }
        Self {
            nodes,
            references: references.len(),
        }
    }

    /// Every node takes the first reference that is free.
    fn greedy(&self) -> Matching {
        let mut matching = vec![None; self.references];
        for (n, node) in self.nodes.iter().enumerate() {
            if let Some(&free) = node.references.iter().find(|&&r| matching[r].is_none()) {
                matching[free] = Some(n);
            }
        }
        matching
    }

    /// One phase of Hopcroft and Karp: along shortest alternating paths that share no reference, from nodes without partner
    /// to references without one, exchanges partners. `false` if there is no such path: the matching is as large as can be.
    fn improve(&self, matching: &mut Matching) -> bool {
        let mut layers = Layers {
            back: vec![Back::Unseen; self.nodes.len()],
            reached_from: vec![Vec::new(); self.references],
        };
        let free = self.grow(matching, &mut layers);
        for &reference in &free {
            layers.exchange(reference, matching);
        }
        !free.is_empty()
    }

    /// Layer by layer, which nodes reach which references; ends at the first layer with references that are free, and
    /// gives those.
    fn grow(&self, matching: &Matching, layers: &mut Layers) -> Vec<usize> {
        let mut is_partner = vec![false; self.nodes.len()];
        for &node in matching.iter().flatten() {
            is_partner[node] = true;
        }
        let mut layer: Vec<usize> = (0..self.nodes.len()).filter(|&n| !is_partner[n]).collect();
        for &node in &layer {
            layers.back[node] = Back::Start;
        }
        let mut is_reached = vec![false; self.references];
        let mut free = Vec::new();
        while !layer.is_empty() && free.is_empty() {
            let mut found = Vec::new();
            for &node in &layer {
                for &reference in self.nodes[node]
                    .references
                    .iter()
                    .filter(|&&r| !is_reached[r])
                {
                    if layers.reached_from[reference].is_empty() {
                        found.push(reference);
                    }
                    layers.reached_from[reference].push(node);
                }
            }
            layer.clear();
            for reference in found {
                is_reached[reference] = true;
                match matching[reference] {
                    Some(node) => {
                        layers.back[node] = Back::Through(reference);
                        layer.push(node);
                    }
                    None => free.push(reference),
                }
            }
        }
        free
    }
}

/// Where a node is entered from.
#[derive(Clone, Copy)]
enum Back {
    /// Not reached, or used up.
    Unseen,
    /// It has no partner: paths start here.
    Start,
    /// The reference that is its partner.
    Through(usize),
}

/// The shortest alternating paths of one phase.
struct Layers {
    back: Vec<Back>,
    reached_from: Vec<Vec<usize>>,
}

impl Layers {
    /// Gives `reference` to a node that reaches it, whose old partner goes to another, back to a node without one.
    /// Whatever a path has passed is used up. Paths are as deep as there are layers, so this keeps its own stack.
    fn exchange(&mut self, reference: usize, matching: &mut Matching) -> bool {
        // Each reference on the way, with the nodes that are left to try, and the one being tried.
        let mut path = vec![(reference, self.take_nodes(reference), None)];
        while let Some((_, nodes, tried)) = path.last_mut() {
            let Some(node) = nodes.next() else {
                path.pop();
                continue;
            };
            match std::mem::replace(&mut self.back[node], Back::Unseen) {
                Back::Unseen => {}
                Back::Start => {
                    *tried = Some(node);
                    for (reference, _, node) in path {
                        matching[reference] = node;
                    }
                    return true;
                }
                Back::Through(partner) => {
                    *tried = Some(node);
                    let nodes = self.take_nodes(partner);
                    path.push((partner, nodes, None));
                }
            }
        }
        false
    }

    fn take_nodes(&mut self, reference: usize) -> std::vec::IntoIter<usize> {
        std::mem::take(&mut self.reached_from[reference]).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn span(onset: f64, offset: f64) -> Span {
        Span::new(onset, offset).unwrap()
    }

    /// The size of the largest matching, by trying everything.
    fn largest(references: &[Span], predictions: &[Span], min_iou: f64) -> usize {
        fn best(p: usize, edges: &[Vec<usize>], used: u32) -> usize {
            let Some(own) = edges.get(p) else { return 0 };
            let without = best(p + 1, edges, used);
            let free = own.iter().filter(|&&r| used & (1 << r) == 0);
            free.map(|r| 1 + best(p + 1, edges, used | 1 << r))
                .fold(without, usize::max)
        }
        let edges: Vec<Vec<usize>> = predictions
            .iter()
            .map(|p| {
                let fits = |r: &usize| iou(references[*r], *p) > min_iou;
                (0..references.len()).filter(fits).collect()
            })
            .collect();
        best(0, &edges, 0)
    }

    fn spans(most: usize) -> impl Strategy<Value = Vec<Span>> {
        let one = (0u32..40, 1u32..12)
            .prop_map(|(on, len)| span(f64::from(on) / 4.0, f64::from(on + len) / 4.0));
        prop::collection::vec(one, 0..most).prop_map(|mut spans| {
            spans.sort_by(|a, b| a.onset().total_cmp(&b.onset()));
            spans
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn the_matching_is_as_large_as_any(
            references in spans(9),
            predictions in spans(9),
            min_iou in prop::sample::select(vec![0.0, 0.1, 0.3, 0.6]),
        ) {
            let partners = match_spans(&references, &predictions, min_iou);
            let mut taken = vec![false; references.len()];
            for (p, r) in partners.iter().enumerate().filter_map(|(p, r)| Some((p, (*r)?))) {
                prop_assert!(iou(references[r], predictions[p]) > min_iou);
                prop_assert!(!std::mem::replace(&mut taken[r], true), "two share one");
            }
            let size = partners.iter().flatten().count();
            prop_assert_eq!(size, largest(&references, &predictions, min_iou));
        }
    }

    #[test]
    fn iou_is_that_of_lengths() {
        assert_eq!(iou(span(0.0, 2.0), span(1.0, 3.0)), 1.0 / 3.0);
        assert_eq!(iou(span(0.0, 4.0), span(1.0, 2.0)), 0.25);
        assert_eq!(iou(span(0.0, 1.0), span(1.0, 2.0)), 0.0);
        assert_eq!(iou(span(0.0, 1.0), span(3.0, 4.0)), 0.0);
    }

    #[test]
    fn an_iou_of_just_the_limit_is_no_match() {
        let reference = [span(0.0, 10.0)];
        assert_eq!(match_spans(&reference, &[span(0.0, 3.0)], 0.3), [None]);
        assert_eq!(match_spans(&reference, &[span(0.0, 3.001)], 0.3), [Some(0)]);
    }

    #[test]
    fn the_first_taker_makes_room_for_one_that_has_no_other_choice() {
        // Prediction 0 takes reference 0 first, the only one that prediction 1 can have.
        let references = [span(0.0, 2.0), span(2.0, 4.0)];
        let predictions = [span(0.5, 3.5), span(0.6, 1.4)];
        assert_eq!(
            match_spans(&references, &predictions, 0.3),
            [Some(1), Some(0)]
        );
    }

    #[test]
    fn of_equal_choices_the_first_is_taken() {
        let references = [span(0.0, 1.0)];
        let twins = [span(0.0, 0.9), span(0.1, 1.0)];
        assert_eq!(match_spans(&references, &twins, 0.3), [Some(0), None]);
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_exchanges_ends() {
        // Prediction i fits references i and i + 1 and takes the first; one more fits reference 0 alone.
        let n = 100_000;
        let at = |i: i32, on: f64, off: f64| span(f64::from(i) + on, f64::from(i) + off);
        let references: Vec<_> = (0..n).map(|i| at(i, 0.0, 1.0)).collect();
        let mut predictions: Vec<_> = (0..n - 1).map(|i| at(i, 0.05, 1.95)).collect();
        predictions.insert(1, at(0, 0.1, 0.9));
        let partners = match_spans(&references, &predictions, 0.3);
        assert_eq!(partners.iter().flatten().count(), n as usize);
    }
}
