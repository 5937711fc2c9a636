//! "Did you mean …?" for names that are almost right.

/// The candidate that is closest to `name`, if it is close enough to be what was meant: at most a quarter of the
/// letters differ.
pub(crate) fn closest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distance_max = name.chars().count() / 4;
    candidates
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|&(distance, _)| distance <= distance_max)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance: letters to insert, delete or replace.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, left) in left.chars().enumerate() {
        let mut next = vec![line + 1];
        let pairs = row.iter().zip(row.iter().skip(1));
        for (&right, (&diagonal, &above)) in right.iter().zip(pairs) {
            let beside = next.last().copied().unwrap_or_default();
            next.push(
                (diagonal + usize::from(left != right))
                    .min(above + 1)
                    .min(beside + 1),
            );
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{closest, distance};

    #[test]
    fn distances() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("acks", "acks"), 0);
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        let names = ["bootstrap.servers", "group.id", "client.id"];
        assert_eq!(
            closest("bootstrap.server", names.into_iter()),
            Some("bootstrap.servers")
        );
        assert_eq!(closest("groupid", names.into_iter()), Some("group.id"));
        assert_eq!(closest("acks", names.into_iter()), None);
        assert_eq!(closest("", names.into_iter()), None);
    }
}
