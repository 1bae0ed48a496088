//! Which node can be reached from which, kept up to date as edges are added: the cycle check in constant time.
//!
//! Rows of bits, one row for each node. Adding an edge updates the rows of all that reach its start.

/// The transitive closure of a growing graph without cycles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    nodes: usize,
    words: usize,
    /// Row `u` has bit `v` when `v` can be reached from `u` over at least one edge.
    rows: Vec<u64>,
}

impl Reach {
    #[must_use]
    pub fn new(nodes: usize) -> Reach {
        let words = nodes.div_ceil(64).max(1);
        Reach {
            nodes,
            words,
            rows: vec![0; nodes * words],
        }
    }

    #[must_use]
    pub fn of(nodes: usize, edges: &[(usize, usize)]) -> Reach {
        let mut reach = Reach::new(nodes);
        for &(from, to) in edges {
            reach.add(from, to);
        }
        reach
    }

    /// Whether there is a way from one node to another, over at least one edge.
    #[must_use]
    pub fn has_way(&self, from: usize, to: usize) -> bool {
        let word = self.rows.get(from * self.words + to / 64);
        to < self.nodes && word.is_some_and(|word| word >> (to % 64) & 1 == 1)
    }

    /// Whether an edge may not be added: its start can be reached from its end, or is its end.
    #[must_use]
    pub fn closes_cycle(&self, from: usize, to: usize) -> bool {
        from == to || self.has_way(to, from)
    }

    /// Adds an edge; nodes that do not exist are ignored.
    pub fn add(&mut self, from: usize, to: usize) {
        if from >= self.nodes || to >= self.nodes || self.has_way(from, to) {
            return;
        }
        let mut gained = self.rows[to * self.words..(to + 1) * self.words].to_vec();
        gained[to / 64] |= 1 << (to % 64);
        for node in 0..self.nodes {
            if node == from || self.has_way(node, from) {
                let row = &mut self.rows[node * self.words..(node + 1) * self.words];
                for (word, more) in row.iter_mut().zip(&gained) {
                    *word |= more;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocked_edges_are_those_of_the_method() {
        #[derive(serde::Deserialize)]
        struct Vector {
            edges: Vec<(usize, usize)>,
            tries: Vec<(usize, usize, bool)>,
        }
        let text = include_str!("../../../tests/vectors/graph/cycle.json");
        let vector: Vector = serde_json::from_str(text).unwrap();
        let reach = Reach::of(4, &vector.edges);
        for (from, to, is_blocked) in vector.tries {
            assert_eq!(reach.closes_cycle(from, to), is_blocked, "{from} -> {to}");
        }
    }

    #[test]
    fn more_nodes_than_bits_of_a_word() {
        let chain: Vec<(usize, usize)> = (1..200).map(|node| (node - 1, node)).collect();
        let mut backwards = chain.clone();
        backwards.reverse();
        let reach = Reach::of(200, &backwards);
        assert_eq!(reach, Reach::of(200, &chain));
        assert!(reach.closes_cycle(199, 0) && reach.has_way(0, 199));
        assert!(!reach.closes_cycle(0, 199) && !reach.has_way(199, 0));
    }

    #[test]
    fn a_dense_graph_is_checked_without_walking_it() {
        // A walk without memory would need 2^62 visits here.
        let edges: Vec<(usize, usize)> = (0..64)
            .flat_map(|from| (from + 1..64).map(move |to| (from, to)))
            .collect();
        assert!(Reach::of(64, &edges).closes_cycle(63, 0));
    }
}
